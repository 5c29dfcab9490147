import type { Effects } from '../base/effects.ts';
import type { Digest } from '../model/digest.ts';
import type { DockerHost } from '../model/docker-host.ts';
import type { Image } from '../model/image-config.ts';
import { formatImageReference, type ImageReference, parseImageReference } from '../model/image-reference.ts';
import { formatPlatform, hostPlatform, type Platform, parsePlatform } from '../model/platform.ts';
import { BlobStore, sweepUnfinished } from './blob-store.ts';
import { collectGarbage, discardHeld } from './collect/garbage.ts';
import { StoreUpkeep } from './collect/upkeep.ts';
import { parseConfigDocument } from './config-document.ts';
import { fetchLayers, resolvedNotice } from './fetch-image.ts';
import { ImageIndex } from './image-index.ts';
import type { AdoptOptions, FetchOptions, Images, NewImage, PullOptions, PullProgress } from './images.ts';
import { type ConnectLayerWorker, LayerStore } from './layer-store.ts';
import { type Lease, Leases } from './leases.ts';
import { DEFAULT_LIMITS, type ImageLimits } from './limits.ts';
import { Registries } from './registry/registries.ts';
import { credentialKey } from './registry/token-cache.ts';
import { resolveImage } from './resolve.ts';
import { flightErrors, SingleFlight } from './single-flight.ts';
import type { ImageSource } from './source.ts';
import { EmbeddedPrograms } from './store/embedded-programs.ts';
import { ImageNames, nameableReference } from './store/image-names.ts';
import { LayerBytes } from './store/layer-bytes.ts';
import { newImageSource } from './store/new-image-source.ts';
import { PartialBlobs } from './store/partial-blobs.ts';
import { documentsOf } from './store/store-documents.ts';
import { asStoreError, imageStoreErrors } from './store/store-errors.ts';
import { storeSource } from './store/store-source.ts';
import type { SourcePorts, SourceReference } from './transfer/open-source.ts';
import { type OpenSource, openSource, type SourceOptions, sourcePorts } from './transfer/open-source.ts';
import type { ImageOrigin, ImageTrust } from './trust/image-trust.ts';
import { type Judge, judge } from './trust/judge.ts';

export interface ImageStoreOptions {
  readonly effects: Effects;
  /** Directory that holds `images.json`, `blobs/` and `layers/`, and is an OCI layout to others; made when missing. */
  readonly root: string;
  readonly connectWorker: ConnectLayerWorker;
  /** Static programs that are images of their own: name → path. */
  readonly embeddedPrograms: Readonly<Record<string, string>>;
  /** Judges what comes in; default takes everything whose digests are right. */
  readonly trust?: ImageTrust;
  /** Default: as they are where nothing is said of hosts and proxies. */
  readonly registries?: Registries;
  /** Default: one on this machine, at the usual socket. */
  readonly dockerHost?: DockerHost;
  /** Default: this machine's. */
  readonly platform?: Platform;
  readonly limits?: Partial<ImageLimits>;
}

/** Opens the images of a root directory. One process at a time, under the engine's lock. */
export function createImages(options: ImageStoreOptions): Images {
  return new ImageStore(options);
}

/** How a fetch is told to go. */
interface Fetching {
  readonly platform: Platform;
  /** As of {@link resolveImage}. */
  readonly takesOther: boolean;
  readonly signal: AbortSignal;
  readonly report: (event: PullProgress, keep: boolean) => void;
  /** Says what is not to be taken, once it is resolved; absent for what was made here. */
  readonly judge?: Judge | undefined;
  readonly comesBy?: 'load' | 'make';
}

class ImageStore implements Images {
  readonly blobs: BlobStore;
  readonly stallMs: number;
  readonly upkeep: StoreUpkeep;
  readonly registries: Registries;
  readonly #options: ImageStoreOptions;
  readonly #effects: Effects;
  readonly #limits: ImageLimits;
  readonly #platform: Platform;
  readonly #layers: LayerStore;
  readonly #partials: PartialBlobs;
  readonly #layerBytes: LayerBytes;
  readonly #embedded: EmbeddedPrograms;
  readonly #sources: SourcePorts;
  readonly #names: ImageNames;
  readonly #pulls = new SingleFlight<PullProgress, Image>();
  readonly #leases = new Leases();
  #index: Promise<ImageIndex> | undefined;

  constructor(options: ImageStoreOptions) {
    const { effects, root, connectWorker, embeddedPrograms } = options;
    this.#options = options;
    this.#effects = effects;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.stallMs = this.#limits.stallMs;
    this.#platform = options.platform ?? hostPlatform();
    this.registries = options.registries ?? new Registries({ ...effects, limits: this.#limits });
    this.blobs = new BlobStore(effects.files, root);
    this.#layers = new LayerStore(effects, root, connectWorker);
    this.#partials = new PartialBlobs(effects.files, root);
    this.#layerBytes = new LayerBytes(this.blobs, this.#partials);
    const parts = { blobs: this.blobs, partials: this.#partials, leases: this.#leases, layers: this.#layers };
    const ways = { index: () => this.#loaded(), connect: connectWorker, limits: this.#limits };
    const find = async (text: string) => (await this.#names.find(text))?.image;
    this.upkeep = new StoreUpkeep({ effects, root, find, ...parts, ...ways });
    this.#names = new ImageNames({
      ...{ root, index: ways.index, leases: this.#leases, collect: (index) => this.#collect(index) },
      isEmbedded: (name) => this.#embedded.has(name),
    });
    this.#sources = sourcePorts({ ...options, limits: this.#limits, registries: this.registries });
    const from = { files: effects.files, platform: this.#platform };
    this.#embedded = new EmbeddedPrograms(embeddedPrograms, from, {
      present: async (reference) => (await this.#loaded()).byReference(reference),
      store: (reference, source) => this.#fetch(reference, () => source, {}),
    });
  }

  async find(text: string): Promise<Image | undefined> {
    return (await this.#loaded()).find(text)?.image;
  }

  async list(): Promise<readonly Image[]> {
    return (await this.#loaded()).all();
  }

  layerDirectory(chainId: Digest): string {
    return this.#layers.directoryOf(chainId);
  }

  lease(): Lease {
    return this.#leases.open();
  }

  async discard(lease: Lease): Promise<void> {
    const stores = { leases: this.#leases, blobs: this.blobs };
    await discardHeld(lease, stores, async () => (await this.#loaded()).named().blobs);
  }

  async pull(text: string, options: PullOptions = {}): Promise<Image> {
    const reference: ImageReference = this.#embedded.has(text)
      ? { kind: 'embedded', name: text }
      : parseImageReference(text);
    if (reference.kind === 'embedded') return await this.#embedded.pull(reference.name, options.platform);
    return await this.#fetch(reference, (told) => this.#open(reference, { ...options, ...told }), options);
  }

  #open(reference: SourceReference, { credential, dockerHost, onNotice }: SourceOptions): ImageSource {
    return openSource(reference, this.#sources, { credential, dockerHost, onNotice });
  }

  async fetch(open: () => ImageSource, names: readonly string[], options: FetchOptions = {}): Promise<Image> {
    return await this.#take(open, names, { ...options, comesBy: 'load', judge: this.#judge(options.origin, options) });
  }

  async #take(
    open: () => ImageSource,
    names: readonly string[],
    options: PullOptions & Pick<Fetching, 'judge' | 'comesBy'>,
  ): Promise<Image> {
    const references = names.map(nameableReference);
    const takesOther = options.platform === undefined;
    const platform = options.platform === undefined ? this.#platform : parsePlatform(options.platform);
    const signal = options.signal ?? new AbortController().signal;
    const report = (event: PullProgress): void => options.onProgress?.(event);
    try {
      return await this.#storeFrom(open, references, { ...options, platform, takesOther, signal, report });
    } catch (error) {
      if (signal.aborted) throw flightErrors.cancelled({ what: names[0] ?? 'an image without a name' });
      throw error;
    }
  }

  async adopt(image: NewImage, names: readonly string[], options: AdoptOptions = {}): Promise<Image> {
    const { platform } = parseConfigDocument(image.config, names[0] ?? 'a new image');
    const source = newImageSource(image, this.blobs, names[0] ?? 'a new image');
    const judged = options.origin && this.#judge(options.origin, {});
    const how = { ...options, platform: formatPlatform(platform), judge: judged };
    return await this.#take(() => source, names, { ...how, comesBy: 'make' });
  }

  async tag(text: string, name: string): Promise<Image> {
    return await this.#names.tag(text, name);
  }

  async source(text: string): Promise<ImageSource> {
    const found = await this.#names.find(text);
    if (found === undefined) throw imageStoreErrors.unknown({ text });
    return storeSource(this.blobs, { name: text, manifestDigest: found.image.manifestDigest });
  }

  async embedded(name: string): Promise<Image | undefined> {
    return await this.#embedded.image(name);
  }

  async remove(...removal: Parameters<Images['remove']>): ReturnType<Images['remove']> {
    return await this.#names.remove(...removal);
  }

  async recover(): Promise<void> {
    await this.#layers.sweep();
    await this.blobs.sweep();
    await sweepUnfinished(this.#effects.files, this.#options.root);
    // A list that is gone says nothing about what containers still use; only a list that is there does.
    if (!(await this.#effects.files.exists(`${this.#options.root}/images.json`))) return;
    const clear = await this.#leases.exclusive(async () => {
      const index = await this.#loaded();
      await index.refreshLayout();
      await index.keepReserve();
      return await this.#collect(index);
    });
    await clear();
  }

  async #fetch(reference: ImageReference, open: OpenSource, options: PullOptions): Promise<Image> {
    const takesOther = options.platform === undefined;
    const platform = options.platform === undefined ? this.#platform : parsePlatform(options.platform);
    const name = formatImageReference(reference);
    const plain = platform === this.#platform ? name : `${name} for ${formatPlatform(platform)}`;
    const what = options.requireSignature === true ? `${plain} with a signature` : plain;
    const judged = reference.kind === 'embedded' ? undefined : this.#judge(reference, options);
    return await this.#pulls.join(
      what + credentialKey(options.credential) + JSON.stringify(options.dockerHost ?? null),
      (signal, report) => this.#storeFrom(open, [reference], { platform, takesOther, signal, report, judge: judged }),
      { what, signal: options.signal, onEvent: options.onProgress },
    );
  }

  async #storeFrom(open: OpenSource, references: readonly ImageReference[], how: Fetching): Promise<Image> {
    const source = open({ onNotice: (notice) => how.report(notice, notice.kind === 'warning') });
    try {
      return await this.#store(references, source, how);
    } catch (error) {
      throw asStoreError(error, { what: source.name, root: this.#options.root });
    } finally {
      source.close();
    }
  }

  async #store(references: readonly ImageReference[], source: ImageSource, how: Fetching): Promise<Image> {
    const index = await this.#loaded();
    const resolved = await resolveImage(source, { ...how, limits: this.#limits });
    const { layers } = resolved;
    const trust = await how.judge?.(resolved.documents, source, how.signal);
    how.report(resolvedNotice(source.name, resolved, how.platform), true);
    // While the lease is held, no collection takes away a layer or a blob that this pull counts on.
    const lease = this.#leases.open();
    try {
      await lease.hold(layers.flatMap(({ chainId, descriptor }) => [chainId, descriptor.digest]));
      const record = await fetchLayers(resolved, {
        ...how,
        source,
        layers: this.#layers,
        bytes: this.#layerBytes,
        connect: this.#options.connectWorker,
        limits: this.#limits,
        clock: this.#effects.clock,
        known: index,
      });
      const { image, clear } = await this.#leases.exclusive(async () => {
        for (const { digest, bytes } of documentsOf(resolved)) await this.blobs.put(digest, bytes);
        const named = await index.add(trust === undefined ? record : { ...record, trust }, references);
        return { image: named.image, clear: named.hasFreed ? await this.#collect(index) : undefined };
      });
      await clear?.();
      how.report({ kind: 'done', id: image.id }, true);
      return image;
    } finally {
      lease.release();
    }
  }

  #judge(origin: ImageOrigin | undefined, options: PullOptions): Judge | undefined {
    const { trust } = this.#options;
    const { requireSignature = false } = options;
    return trust && judge(trust, { origin, requireSignature, open: (other) => this.#open(other, options) });
  }

  /** Takes away what nothing names: neither an image nor a lease. @returns what removes the trees, to be called outside */
  async #collect(index: ImageIndex): Promise<() => Promise<void>> {
    return await collectGarbage(
      { layers: this.#layers, blobs: this.blobs, partials: this.#partials },
      {
        ...index.named(),
        held: new Set(this.#leases.held()),
        nowMs: this.#effects.clock.nowMs(),
      },
    );
  }

  #loaded(): Promise<ImageIndex> {
    if (this.#index === undefined) {
      this.#index = ImageIndex.load(this.#effects, this.#options.root);
      this.#index.catch(() => {
        this.#index = undefined;
      });
    }
    return this.#index;
  }
}
