import type { Effects } from '../base/effects.ts';
import type { Digest } from '../model/digest.ts';
import { defineErrors, EngineError, systemErrorCode } from '../model/error.ts';
import type { Image } from '../model/image-config.ts';
import { formatImageReference, type ImageReference, parseImageReference } from '../model/image-reference.ts';
import { BlobStore, sweepUnfinished } from './blob-store.ts';
import { embeddedSource } from './embedded/embedded-source.ts';
import { fetchLayers } from './fetch-image.ts';
import { ImageIndex, storedName } from './image-index.ts';
import type { Images, PullOptions, PullProgress } from './images.ts';
import { type ConnectLayerWorker, LayerStore } from './layer-store.ts';
import { layoutSource } from './layout/layout-source.ts';
import { Leases } from './leases.ts';
import { DEFAULT_LIMITS, type ImageLimits } from './limits.ts';
import { formatPlatform, hostPlatform, type Platform, parsePlatform } from './platform.ts';
import { Registries } from './registry/registries.ts';
import { credentialKey } from './registry/token-cache.ts';
import { resolveErrors, resolveImage } from './resolve.ts';
import { SingleFlight } from './single-flight.ts';
import type { ImageSource } from './source.ts';

export const imageStoreErrors = defineErrors('images', {
  unknown: {
    kind: 'not-found',
    message: (d: { text: string }) => `there is no image ${d.text} here`,
    remedy: () => 'isopod images lists those that are',
  },
  unknownEmbedded: {
    kind: 'not-found',
    message: (d: { name: string }) => `no image named ${d.name} is part of isopod`,
  },
  programMissing: {
    kind: 'failed-precondition',
    message: (d: { name: string; path: string }) => `the program of embedded image ${d.name} is not at ${d.path}`,
    remedy: () => 'run npm run build',
  },
  inUse: {
    kind: 'failed-precondition',
    message: (d: { text: string; id: string }) => `image ${d.text} (${d.id}) is used by a container`,
    remedy: () => 'remove its containers first; isopod ps -a lists them',
  },
  diskFull: {
    kind: 'resource-exhausted',
    message: (d: { what: string; root: string }) => `no space left under ${d.root} for ${d.what}`,
    remedy: () => 'remove images that nobody uses with isopod rmi, or stopped containers with isopod rm',
  },
  storage: {
    kind: 'internal',
    message: (d: { what: string; reason: string }) => `storing ${d.what} failed: ${d.reason}`,
  },
});

export interface ImageStoreOptions {
  readonly effects: Effects;
  /** Directory that holds `images.json`, `blobs/` and `layers/`; made when missing. */
  readonly root: string;
  readonly connectWorker: ConnectLayerWorker;
  /** Static programs that are images of their own: name → path. */
  readonly embeddedPrograms: Readonly<Record<string, string>>;
  /** Default: as they are where nothing is said of hosts and proxies. */
  readonly registries?: Registries;
  /** Default: this machine's. */
  readonly platform?: Platform;
  readonly limits?: Partial<ImageLimits>;
}

/** Opens the images of a root directory. One process at a time, under the engine's lock. */
export function createImages(options: ImageStoreOptions): Images {
  return new ImageStore(options);
}

class ImageStore implements Images {
  readonly #options: ImageStoreOptions;
  readonly #effects: Effects;
  readonly #limits: ImageLimits;
  readonly #platform: Platform;
  readonly #registries: Registries;
  readonly #blobs: BlobStore;
  readonly #layers: LayerStore;
  readonly #pulls = new SingleFlight<PullProgress, Image>();
  readonly #leases = new Leases();
  /** Which version of a program the embedded image was made from, in this process. */
  readonly #embedded = new Map<string, { readonly version: string; readonly id: Digest }>();
  #index: Promise<ImageIndex> | undefined;

  constructor(options: ImageStoreOptions) {
    this.#options = options;
    this.#effects = options.effects;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#platform = options.platform ?? hostPlatform();
    this.#registries = options.registries ?? new Registries({ ...options.effects, limits: this.#limits });
    this.#blobs = new BlobStore(options.effects.files, options.root);
    this.#layers = new LayerStore(options.effects, options.root, options.connectWorker);
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

  async pull(text: string, options: PullOptions = {}): Promise<Image> {
    const isOurs = this.#options.embeddedPrograms[text] !== undefined;
    const reference: ImageReference = isOurs ? { kind: 'embedded', name: text } : parseImageReference(text);
    if (reference.kind === 'embedded') return await this.#pullEmbedded(reference.name, options);
    const source =
      reference.kind === 'registry'
        ? () => this.#registries.source(reference, options.credential)
        : () => layoutSource(reference, this.#effects.files, this.#limits);
    return await this.#fetch(reference, source, options);
  }

  async embedded(name: string): Promise<Image | undefined> {
    const path = this.#options.embeddedPrograms[name];
    if (path === undefined) return undefined;
    const reference: ImageReference = { kind: 'embedded', name };
    const { files } = this.#effects;
    try {
      // Every launch asks: an unchanged program is neither read nor hashed again.
      const { inode, sizeBytes, mtimeMs } = await files.status(path);
      const version = `${inode} ${sizeBytes} ${mtimeMs}`;
      const present = (await this.#loaded()).byReference(reference);
      const known = this.#embedded.get(name);
      if (present !== undefined && known?.version === version && known.id === present.id) return present;
      const source = embeddedSource(name, await files.readBytes(path), this.#platform);
      const image = await this.#fetch(reference, () => source, {});
      this.#embedded.set(name, { version, id: image.id });
      return image;
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') throw imageStoreErrors.programMissing({ name, path }, error);
      throw error;
    }
  }

  async remove(
    text: string,
    inUse: () => ReadonlySet<Digest>,
  ): Promise<{ readonly untagged: readonly string[]; readonly deleted: readonly Digest[] }> {
    return await this.#leases.exclusive(async () => {
      const index = await this.#loaded();
      const found = index.find(text);
      const embedded = found === undefined ? this.#presentEmbedded(index, text) : undefined;
      const image = found?.image ?? embedded?.image;
      if (image === undefined) throw imageStoreErrors.unknown({ text });
      const { id, references } = image;
      const untagged = found?.by === 'id' ? references : [storedName(embedded?.reference ?? parseImageReference(text))];
      const deleted = untagged.length === references.length ? [id] : [];
      if (deleted.length > 0 && inUse().has(id)) throw imageStoreErrors.inUse({ text, id });
      await index.drop(untagged, deleted);
      if (deleted.length > 0) await this.#collect(index);
      return { untagged, deleted };
    });
  }

  /** `run hello` takes a name that no registry image has for a part of Isopod; so does whoever removes it. */
  #presentEmbedded(index: ImageIndex, name: string): { image: Image; reference: ImageReference } | undefined {
    if (this.#options.embeddedPrograms[name] === undefined) return undefined;
    const reference: ImageReference = { kind: 'embedded', name };
    const image = index.byReference(reference);
    return image === undefined ? undefined : { image, reference };
  }

  async recover(): Promise<void> {
    await this.#layers.sweep();
    await this.#blobs.sweep();
    await sweepUnfinished(this.#effects.files, this.#options.root);
    // A list that is gone says nothing about what containers still use; only a list that is there does.
    if (!(await this.#effects.files.exists(`${this.#options.root}/images.json`))) return;
    await this.#leases.exclusive(async () => this.#collect(await this.#loaded()));
  }

  async #pullEmbedded(name: string, { platform }: PullOptions): Promise<Image> {
    const own = formatPlatform(this.#platform);
    if (platform !== undefined && formatPlatform(parsePlatform(platform)) !== own) {
      throw resolveErrors.noPlatform({ from: `embedded:${name}`, wanted: platform, offered: [own] });
    }
    const image = await this.embedded(name);
    if (image === undefined) throw imageStoreErrors.unknownEmbedded({ name });
    return image;
  }

  async #fetch(reference: ImageReference, open: () => ImageSource, options: PullOptions): Promise<Image> {
    const platform = options.platform === undefined ? this.#platform : parsePlatform(options.platform);
    const name = formatImageReference(reference);
    // Whoever shows no credential, or another one, must not wait for what that one's registry says to it.
    const key = [name, platform === this.#platform ? '' : formatPlatform(platform), credentialKey(options.credential)];
    return await this.#pulls.join(
      key.join(' '),
      async (signal, report) => {
        const source = open();
        try {
          return await this.#store(reference, source, { platform, signal, report });
        } catch (error) {
          throw this.#asEngineError(name, error);
        } finally {
          source.close();
        }
      },
      { signal: options.signal, onEvent: options.onProgress },
    );
  }

  async #store(
    reference: ImageReference,
    source: ImageSource,
    pull: { platform: Platform; signal: AbortSignal; report: (event: PullProgress, keep: boolean) => void },
  ): Promise<Image> {
    const index = await this.#loaded();
    const resolved = await resolveImage(source, { ...pull, limits: this.#limits });
    const { layers, manifest, config } = resolved;
    pull.report({ kind: 'resolved', reference: source.name, layers: layers.map(({ descriptor }) => descriptor) }, true);
    // While the lease is held, no removal takes away a layer that this pull counts on.
    const lease = await this.#leases.take(layers.map(({ chainId }) => chainId));
    try {
      const record = await fetchLayers(resolved, {
        ...pull,
        source,
        layers: this.#layers,
        connect: this.#options.connectWorker,
        limits: this.#limits,
        clock: this.#effects.clock,
        knownBytes: (chainId) => index.layerBytes(chainId),
      });
      return await this.#leases.exclusive(async () => {
        await this.#blobs.put(manifest.digest, manifest.bytes);
        await this.#blobs.put(config.digest, config.bytes);
        const present = index.byReference(reference);
        const unchanged = present?.id === record.id && present.manifestDigest === record.manifestDigest;
        const image = unchanged ? present : await index.add(record, reference);
        pull.report({ kind: 'done', id: image.id }, true);
        return image;
      });
    } finally {
      lease.release();
    }
  }

  /** Deletes what nothing names: neither an image nor a pull that runs. */
  async #collect(index: ImageIndex): Promise<void> {
    const { chainIds, blobs } = index.named();
    for (const chainId of this.#leases.held()) chainIds.add(chainId);
    await this.#layers.keepOnly(chainIds);
    await this.#blobs.keepOnly(blobs);
  }

  #loaded(): Promise<ImageIndex> {
    if (this.#index === undefined) {
      this.#index = ImageIndex.load(this.#effects.files, this.#options.root);
      this.#index.catch(() => {
        this.#index = undefined;
      });
    }
    return this.#index;
  }

  #asEngineError(what: string, error: unknown): unknown {
    if (error instanceof EngineError) return error;
    const code = systemErrorCode(error);
    if (code === undefined) return error;
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      return imageStoreErrors.diskFull({ what, root: this.#options.root }, error);
    }
    return imageStoreErrors.storage({ what, reason: (error as Error).message }, error);
  }
}
