import { createHash } from 'node:crypto';
import { isEngineError } from '../../model/error.ts';
import { formatImageReference, type ImageReference } from '../../model/image-reference.ts';
import type { Platform } from '../../model/platform.ts';
import { type ArchivePorts, letGo, regularFile } from '../archive/archive-files.ts';
import { bytesFrom, type MadeImage, madeSource } from '../archive/made-source.ts';
import type { Held } from '../archive/spool.ts';
import { emptyConfig, extendConfig } from '../build/config.ts';
import { makeManifest } from '../build/manifest.ts';
import { decompressed } from '../compression/decompressed.ts';
import { sha256Of } from '../config-document.ts';
import type { Descriptor } from '../manifest.ts';
import { OCI_LAYER } from '../media-types.ts';
import type { ImageSource } from '../source.ts';
import { type AciDependency, type AciManifest, aciErrors, parseAciManifest, type Tried } from './aci-manifest.ts';
import { type AciName, discoveryPages, metaUrls, openUrl, parseAciName, readPage, simpleUrl } from './discovery.ts';
import { rootfsLayer } from './rootfs-layer.ts';

type AciReference = Extract<ImageReference, { readonly kind: 'aci' }>;

const MAX_DEPENDENCIES = 20;
/** Of what a manifest names, which may be long. */
const SHOWN_CHARACTERS = 1000;

/** One archive with its layer taken out. */
interface TakenImage {
  readonly manifest: AciManifest;
  readonly layer: Held;
}

/**
 * An appc image (appc spec 0.8): a file, a URL, or a name that is found by discovery. What it depends on lies below it, a
 * layer each. Its config is put together from its manifest.
 *
 * @param onWarning told what its app asks for and a config has no place for: isolators, handlers of events and others
 */
export function aciSource(
  reference: AciReference,
  ports: ArchivePorts & { readonly platform: Platform },
  onWarning: (message: string) => void = () => {},
): ImageSource {
  const { platform } = ports;
  const name = formatImageReference(reference);
  const held: Held[] = [];
  return madeSource(
    name,
    async (signal) => {
      const reader = new AciReader(ports, { platform, signal, held });
      const images = await reader.withDependencies(reference.place);
      // The uppermost image alone says how it is run.
      const leftOut = images.at(-1)?.manifest.leftOut ?? [];
      const told = leftOut.join('; ').slice(0, SHOWN_CHARACTERS);
      if (told !== '') onWarning(`of the manifest of ${name} this is left out: ${told}`);
      return imageOf(name, images);
    },
    () => held.forEach(letGo),
  );
}

/** @param images lowest first */
function imageOf(name: string, images: readonly TakenImage[]): MadeImage {
  const top = images.at(-1)?.manifest;
  if (top === undefined) throw aciErrors.malformed({ from: name, reason: 'it has no image' });
  const created = validTime(top.created) ?? '1970-01-01T00:00:00Z';
  let config = emptyConfig(top.platform);
  for (const { manifest, layer } of images) {
    const history = { created: validTime(manifest.created) ?? created, createdBy: `appc ${manifest.name}` };
    // The uppermost image alone says how it is run.
    const change = () => (manifest === top ? top.config : {});
    config = extendConfig(config, name, { diffId: layer.digest, history, change });
  }
  const layers: Descriptor[] = images.map(({ layer: { digest, sizeBytes } }) => ({
    mediaType: OCI_LAYER,
    digest,
    sizeBytes,
  }));
  const blobs = new Map(images.map(({ layer }) => [layer.digest as string, (start: number) => layer.read(start)]));
  blobs.set(sha256Of(config), bytesFrom(config));
  return { manifest: makeManifest(config, layers), blobs };
}

function validTime(text: string | undefined): string | undefined {
  return text === undefined || Number.isNaN(Date.parse(text)) ? undefined : text;
}

class AciReader {
  readonly #ports: ArchivePorts;
  readonly #context: { readonly platform: Platform; readonly signal: AbortSignal; readonly held: Held[] };

  constructor(
    ports: ArchivePorts,
    context: { readonly platform: Platform; readonly signal: AbortSignal; readonly held: Held[] },
  ) {
    this.#ports = ports;
    this.#context = context;
  }

  /** Lowest first, each once. */
  async withDependencies(place: string): Promise<readonly TakenImage[]> {
    const images: TakenImage[] = [];
    const known = new Set<string>();
    const add = async (image: TakenImage): Promise<void> => {
      for (const dependency of image.manifest.dependencies) {
        const key = JSON.stringify(dependency);
        if (known.has(key)) continue;
        known.add(key);
        if (known.size > MAX_DEPENDENCIES) {
          throw aciErrors.tooManyDependencies({ from: place, limit: MAX_DEPENDENCIES });
        }
        await add(await this.#dependency(dependency));
      }
      images.push(image);
    };
    await add(await this.#take(place, await this.#open(place)));
    return images;
  }

  async #dependency({ name, labels, id }: AciDependency): Promise<TakenImage> {
    const { platform } = this.#context;
    const wanted = { name, labels: { version: 'latest', os: platform.os, arch: platform.architecture, ...labels } };
    return this.#take(name, await this.#discover(wanted), id);
  }

  async #open(place: string): Promise<AsyncIterable<Uint8Array>> {
    if (place.includes('://')) return this.#fetched(place);
    if (place.startsWith('/')) {
      const path = await regularFile(this.#ports.files, place);
      return this.#ports.files.readStream(path);
    }
    return this.#discover(parseAciName(place, this.#context.platform));
  }

  async #fetched(url: string): Promise<AsyncIterable<Uint8Array>> {
    const { status, body } = await openUrl(url, this.#web());
    if (status !== 200) throw aciErrors.unreachable({ url, reason: `status ${status}`, status });
    return body;
  }

  /** Simple discovery first, then what pages say. */
  async #discover(wanted: AciName): Promise<AsyncIterable<Uint8Array>> {
    const tried: Tried[] = [];
    const attempt = async <Found>(url: string, open: () => Promise<Found>): Promise<Found | undefined> => {
      try {
        return await open();
      } catch (error) {
        this.#context.signal.throwIfAborted();
        if (!isEngineError(error) || error.code !== 'appc.unreachable') throw error;
        const { reason, status } = error.details;
        tried.push({ url, reason: String(reason), isAnswered: status !== undefined });
        return undefined;
      }
    };
    const image = (url: string): Promise<AsyncIterable<Uint8Array> | undefined> =>
      attempt(url, () => this.#fetched(url));
    const simple = await image(simpleUrl(wanted));
    if (simple !== undefined) return simple;
    for (const page of discoveryPages(wanted)) {
      const text = await attempt(page, () => readPage(page, this.#web()));
      if (text === undefined) continue;
      const urls = metaUrls(text, wanted);
      if (urls.length === 0) tried.push({ url: page, reason: 'it names no place', isAnswered: true });
      for (const url of urls) {
        const found = /^https?:\/\//.test(url) ? await image(url) : undefined;
        if (found !== undefined) return found;
      }
    }
    const { name } = wanted;
    throw tried.some(({ isAnswered }) => isAnswered)
      ? aciErrors.notFound({ name, tried })
      : aciErrors.notAnswered({ name, tried });
  }

  /** @param id of the uncompressed archive, where it is known beforehand */
  async #take(from: string, archive: AsyncIterable<Uint8Array>, id?: string): Promise<TakenImage> {
    const { limits, spool } = this.#ports;
    const hash = createHash('sha512');
    let manifest: Uint8Array | undefined;
    const plain = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      for await (const chunk of decompressed(archive, `appc image ${from}`, limits)) {
        hash.update(chunk);
        yield chunk;
      }
    };
    const layer = await spool.hold(
      rootfsLayer(plain(), {
        what: `appc image ${from}`,
        maxHeaderBytes: limits.maxHeaderBytes,
        maxManifestBytes: limits.maxManifestBytes,
        onManifest: (bytes) => {
          manifest = bytes;
        },
      }),
    );
    this.#context.held.push(layer);
    if (manifest === undefined) throw aciErrors.malformed({ from, reason: 'it has no file manifest' });
    const actual = `sha512-${hash.digest('hex')}`;
    if (id !== undefined && !(id.length > 'sha512-'.length && actual.startsWith(id))) {
      throw aciErrors.wrongImage({ name: from, expected: id, actual });
    }
    return { manifest: parseAciManifest(manifest, from, this.#context.platform), layer };
  }

  #web(): { readonly stallMs: number; readonly signal: AbortSignal } {
    return { stallMs: this.#ports.limits.stallMs, signal: this.#context.signal };
  }
}
