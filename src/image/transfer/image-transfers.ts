import type { Effects } from '../../base/effects.ts';
import type { Digest } from '../../model/digest.ts';
import type { DockerHost } from '../../model/docker-host.ts';
import { defineErrors } from '../../model/error.ts';
import type { Image } from '../../model/image-config.ts';
import { type ImageReference, parseImageReference } from '../../model/image-reference.ts';
import type { Platform } from '../../model/platform.ts';
import type { RegistryCredential } from '../../model/registry-credential.ts';
import type { Images } from '../images.ts';
import type { ConnectLayerWorker } from '../layer-store.ts';
import { OpenLayouts } from '../layout/open-layouts.ts';
import { DEFAULT_LIMITS, type ImageLimits } from '../limits.ts';
import type { Registries } from '../registry/registries.ts';
import type { ImageSource } from '../source.ts';
import { KeyedLock } from '../store/keyed-lock.ts';
import { imageStoreErrors } from '../store/store-errors.ts';
import type { ImageTarget } from '../target.ts';
import type { ImageTrust } from '../trust/image-trust.ts';
import { type Judge, judge } from '../trust/judge.ts';
import { asDamage, type KeptImage } from './check-kept.ts';
import { platformsAsked } from './check-platform.ts';
import { type ImportRequest, importImage } from './import-image.ts';
import { type LoadOptions, loadImages } from './load-images.ts';
import { openSource, type SourcePorts, sourcePorts } from './open-source.ts';
import { openTarget, type TargetPorts } from './open-target.ts';
import { referenceOf, type SaveRequest, saveImages } from './save-images.ts';
import { asSystemFailure } from './system-failure.ts';
import { type TransferProgress, transferImage } from './transfer.ts';

export const transferErrors = defineErrors('image-transfer', {
  embedded: {
    kind: 'invalid-argument',
    message: (d: { reference: string }) => `${d.reference} is part of isopod, and lies nowhere to be copied from`,
    remedy: () => 'pull it, and push or save it from the store',
  },
  noName: {
    kind: 'invalid-argument',
    message: (d: { image: string }) => `image ${d.image} is named by its id, which says nothing of where it goes`,
    remedy: () => 'give the target, too: isopod push ID REGISTRY/NAME:TAG',
  },
});

/** What an image came to at its target. */
export interface Transferred {
  /** What the target's reference names now. */
  readonly digest: Digest;
  /** As the target is named. */
  readonly target: string;
}

interface Told {
  readonly onProgress?: (progress: TransferProgress) => void;
  readonly signal: AbortSignal;
}

export interface CopyRequest {
  readonly source: string;
  readonly target: string;
  /** Every platform that the source has; else the one of this machine, or that which is given. */
  readonly all?: boolean | undefined;
  readonly platform?: string | undefined;
  /** Refuses a source that no signature speaks for, even where the trust policy asks for none. */
  readonly requireSignature?: boolean | undefined;
  readonly sourceCredential?: RegistryCredential | undefined;
  readonly targetCredential?: RegistryCredential | undefined;
  /** Where `docker-daemon:` leads; default: as this machine was told. */
  readonly dockerHost?: DockerHost | undefined;
}

export interface PushRequest {
  /** A reference, an id, or the beginning of one. */
  readonly image: string;
  /** Default: the registry that the image is named after. */
  readonly target?: string | undefined;
  readonly credential?: RegistryCredential | undefined;
  /** As of a copy. */
  readonly dockerHost?: DockerHost | undefined;
}

/** Images on their way in and out of the store, and past it. */
export interface ImageTransfers {
  /** From any source to any target, byte for byte. @throws {EngineError} as source and target */
  copy(request: CopyRequest, told: Told): Promise<Transferred>;
  /** An image of the store to any target. */
  push(request: PushRequest, told: Told): Promise<Transferred>;
  /**
   * Images of the store as one archive, which is whole when the stream ends without an error. What is not there is told
   * before anything is written.
   */
  save(request: SaveRequest, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** Takes in every image of an archive, under the names that it has there. */
  load(archive: AsyncIterable<Uint8Array>, options: LoadOptions): Promise<readonly Image[]>;
  /** Makes the tar stream of a root file system an image of one layer. */
  import(archive: AsyncIterable<Uint8Array>, request: ImportRequest, signal: AbortSignal): Promise<Image>;
}

export interface TransferPorts {
  readonly effects: Effects;
  /** Directory of the store. */
  readonly root: string;
  readonly images: Images;
  readonly registries: Pick<Registries, 'source' | 'target'>;
  /** Judges the sources of copies; default takes everything. What is in the store was judged when it came. */
  readonly trust?: ImageTrust;
  readonly connectWorker: ConnectLayerWorker;
  readonly dockerHost?: DockerHost;
  readonly limits?: Partial<ImageLimits>;
  readonly platform?: Platform;
}

export function imageTransfers(ports: TransferPorts): ImageTransfers {
  return new Transfers(ports);
}

class Transfers implements ImageTransfers {
  readonly #images: Images;
  readonly #trust: ImageTrust | undefined;
  readonly #sources: SourcePorts;
  readonly #targets: TargetPorts;

  constructor(ports: TransferPorts) {
    const { effects, root, registries, connectWorker, images } = ports;
    this.#images = images;
    this.#trust = ports.trust;
    this.#sources = sourcePorts({ ...ports, limits: { ...DEFAULT_LIMITS, ...ports.limits } });
    this.#targets = {
      ...this.#sources,
      effects,
      root,
      registries,
      connectWorker,
      turns: new KeyedLock(),
      layouts: new OpenLayouts(),
    };
  }

  async copy(request: CopyRequest, told: Told): Promise<Transferred> {
    const from = parseImageReference(request.source);
    const to = parseImageReference(request.target);
    if (from.kind === 'embedded') throw transferErrors.embedded({ reference: request.source });
    const { sourceCredential, targetCredential, dockerHost } = request;
    const platforms = platformsAsked(request, this.#sources.platform);
    const mountFrom = sameRegistry(from, to);
    const onNotice = told.onProgress;
    const targets = dockerHost === undefined ? this.#targets : { ...this.#targets, dockerHost };
    const target = await openTarget(to, targets, { credential: targetCredential, mountFrom, onNotice });
    const open = (reference: typeof from): ImageSource =>
      openSource(reference, this.#sources, { credential: sourceCredential, dockerHost, onNotice });
    const asked = { origin: from, requireSignature: request.requireSignature === true, open };
    const judged = this.#trust && judge(this.#trust, asked);
    return this.#through(open(from), target, { ...told, platforms, judge: judged });
  }

  async push(
    { image, target: text, credential, dockerHost = this.#targets.dockerHost }: PushRequest,
    told: Told,
  ): Promise<Transferred> {
    const found = await this.#found(image);
    const to = text === undefined ? pushedName(image, found) : parseImageReference(text);
    const options = { credential, mountFrom: mountable(found, to), onNotice: told.onProgress };
    const target = await openTarget(to, { ...this.#targets, dockerHost }, options);
    const remedy = (digest: Digest): Promise<string> => this.#images.upkeep.remedy(found.manifestDigest, digest);
    const kept = { name: image, remedy };
    return this.#through(await this.#images.source(image), target, { ...told, platforms: 'all', kept });
  }

  save(request: SaveRequest, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const found = (text: string): Promise<Image> => this.#found(text);
    return saveImages(request, { images: this.#images, archives: this.#sources, found, signal });
  }

  async load(archive: AsyncIterable<Uint8Array>, options: LoadOptions): Promise<readonly Image[]> {
    try {
      return await loadImages(archive, options, { ...this.#sources, images: this.#images });
    } catch (error) {
      throw asSystemFailure(error, 'loading an archive');
    }
  }

  async import(archive: AsyncIterable<Uint8Array>, request: ImportRequest, signal: AbortSignal): Promise<Image> {
    try {
      return await importImage(archive, request, { ...this.#sources, images: this.#images, signal });
    } catch (error) {
      throw asSystemFailure(error, 'importing an archive');
    }
  }

  async #found(text: string): Promise<Image> {
    const found = (await this.#images.find(text)) ?? (await this.#images.embedded(text));
    if (found === undefined) throw imageStoreErrors.unknown({ text });
    return found;
  }

  async #through(
    source: ImageSource,
    target: ImageTarget,
    how: Told & {
      readonly platforms: Platform | 'all';
      readonly judge?: Judge | undefined;
      /** The image of the store that the source is. */
      readonly kept?: KeptImage;
    },
  ): Promise<Transferred> {
    try {
      const { digest } = await transferImage(source, target, { ...how, limits: this.#sources.limits });
      await target.finish(how.signal);
      return { digest, target: target.name };
    } catch (error) {
      const told = how.kept === undefined ? error : await asDamage(error, how.kept);
      throw asSystemFailure(told, `the copy of ${source.name} to ${target.name}`);
    } finally {
      source.close();
      await target.close();
    }
  }
}

function pushedName(text: string, image: Image): ImageReference {
  const name = referenceOf(text, image);
  if (name?.kind !== 'registry') throw transferErrors.noName({ image: text });
  return name;
}

function sameRegistry(from: ImageReference, to: ImageReference): readonly string[] {
  return from.kind === 'registry' && to.kind === 'registry' && from.registry === to.registry ? [from.repository] : [];
}

/** Repositories of the target's registry that the image was pulled from. */
function mountable({ references }: Image, to: ImageReference): readonly string[] {
  return [...new Set(references.flatMap((text) => sameRegistry(parseImageReference(text), to)))];
}
