import { posix } from 'node:path';
import type { Effects } from '../../base/effects.ts';
import { ERRNO, errnoName } from '../../linux/errno.ts';
import type { Digest } from '../../model/digest.ts';
import { defineErrors, type EngineError, systemErrorCode } from '../../model/error.ts';
import { formatImageReference, type ImageReference } from '../../model/image-reference.ts';
import { step, WHITEOUTS } from '../../model/wire.ts';
import { parseConfigDocument } from '../config-document.ts';
import { type ConnectLayerWorker, LayerStore, type StagedLayer } from '../layer-store.ts';
import type { ImageLimits } from '../limits.ts';
import { isIndex, parseManifest } from '../manifest.ts';
import { resolveImage } from '../resolve.ts';
import { settleLayers } from '../settle-layers.ts';
import type { ImageSource } from '../source.ts';
import type { ImageTarget, ManifestContent } from '../target.ts';
import { unpackLayer } from '../unpack-layer.ts';
import { letGo } from './archive-files.ts';
import { madeSource } from './made-source.ts';
import type { Held, Spool } from './spool.ts';
import { type ByteSink, fileSink } from './tar-sink.ts';

export const rootfsTargetErrors = defineErrors('rootfs-target', {
  relativePath: {
    kind: 'invalid-argument',
    message: (d: { path: string }) => `path ${d.path} is not absolute`,
    remedy: () => 'give the path from / on',
  },
  exists: {
    kind: 'already-exists',
    message: (d: { path: string }) =>
      `${d.path} is there already, and a root file system is written to a new directory`,
    remedy: () => 'name a directory that is not there yet',
  },
  severalPlatforms: {
    kind: 'invalid-argument',
    message: (d: { name: string }) => `${d.name} is the root file system of one image, and this is an index of several`,
    remedy: () => 'choose one with --platform',
  },
  notUnpacked: {
    kind: 'data-loss',
    message: (d: { name: string; entry: string; errno: number }) =>
      `${d.name} could not be written at ${d.entry || 'its beginning'}: ${errnoName(d.errno)}`,
  },
  diskFull: {
    kind: 'resource-exhausted',
    message: (d: { name: string; entry: string }) =>
      `no space is left for ${d.name} at ${d.entry || 'its beginning'}; what was written of it is taken away`,
    remedy: () => 'free some, or name a directory of another disk',
  },
});

export interface RootfsTargetPorts {
  readonly effects: Effects;
  /** Directory of the store, whose sweep takes away what a killed process has left. */
  readonly root: string;
  readonly spool: Spool;
  readonly limits: ImageLimits;
  readonly connectWorker: ConnectLayerWorker;
}

type RootfsReference = Extract<ImageReference, { readonly kind: 'dir' } | { readonly kind: 'tar' }>;

/**
 * The root file system that an image's layers come to, in a new directory or in a tar file. Its config is not part of it.
 * The layers are kept until all have come, unpacked, laid over each other by the kernel, and read as one tree.
 */
export function rootfsTarget(reference: RootfsReference, ports: RootfsTargetPorts): ImageTarget {
  return new RootfsTarget(reference, ports);
}

class RootfsTarget implements ImageTarget {
  readonly name: string;
  readonly isImagesOnly = true;
  readonly #reference: RootfsReference;
  readonly #ports: RootfsTargetPorts;
  readonly #held = new Map<Digest, Held>();
  #root: ManifestContent | undefined;

  constructor(reference: RootfsReference, ports: RootfsTargetPorts) {
    this.name = formatImageReference(reference);
    this.#reference = reference;
    this.#ports = ports;
  }

  checkRoot({ bytes, mediaType }: Parameters<NonNullable<ImageTarget['checkRoot']>>[0]): void {
    if (isIndex(bytes, { from: this.name, mediaType })) throw rootfsTargetErrors.severalPlatforms({ name: this.name });
  }

  async hasBlob({ digest }: { readonly digest: Digest }): Promise<boolean> {
    await checkPlace(this.#reference, this.#ports);
    return this.#held.has(digest);
  }

  async putBlob({ digest }: { readonly digest: Digest }, content: () => AsyncIterable<Uint8Array>): Promise<void> {
    this.#held.set(digest, await this.#ports.spool.hold(content()));
  }

  async putManifest(manifest: ManifestContent, role: 'root' | 'part'): Promise<void> {
    const { bytes, mediaType } = manifest;
    const { shape } = parseManifest(bytes, { from: this.name, mediaType, limits: this.#ports.limits });
    if (role === 'part' || shape === 'index') throw rootfsTargetErrors.severalPlatforms({ name: this.name });
    this.#root = manifest;
  }

  async finish(signal: AbortSignal): Promise<void> {
    if (this.#root === undefined) return;
    const { effects, root, connectWorker } = this.#ports;
    const layers = new LayerStore(effects, root, connectWorker);
    const staged: StagedLayer[] = [];
    try {
      const { config, layers: jobs } = await this.#resolved(this.#root, signal);
      const source = this.#source(this.#root);
      for (const job of jobs) {
        const stage = await layers.stage(job.chainId);
        staged.push(stage);
        await unpackLayer(job, stage.directory, {
          ...this.#ports,
          connect: connectWorker,
          source,
          onBytes: () => {},
          signal,
        });
      }
      const stack = staged.map(({ directory }) => ({ directory, fresh: true }));
      await settleLayers(stack, connectWorker, signal);
      // An overlay without an upper directory takes two lower ones at least.
      while (staged.length < jobs.length + 1 || staged.length < 2) staged.unshift(await layers.stage(config.digest));
      await this.#write(staged.map(({ directory }) => directory).reverse(), signal);
    } finally {
      await layers.discard(staged);
    }
  }

  async close(): Promise<void> {
    for (const held of this.#held.values()) letGo(held);
    this.#held.clear();
  }

  async #resolved(manifest: ManifestContent, signal: AbortSignal): ReturnType<typeof resolveImage> {
    const { limits } = this.#ports;
    const document = parseManifest(manifest.bytes, { from: this.name, mediaType: manifest.mediaType, limits });
    const held = document.shape === 'manifest' ? this.#held.get(document.config.digest) : undefined;
    const chunks: Uint8Array[] = [];
    for await (const chunk of held?.read() ?? []) chunks.push(chunk);
    const { platform } = parseConfigDocument(Buffer.concat(chunks), this.name);
    return resolveImage(this.#source(manifest), { platform, limits, signal });
  }

  #source(manifest: ManifestContent): ImageSource {
    const blobs = new Map(
      [...this.#held].map(([digest, held]) => [digest as string, (start: number) => held.read(start)]),
    );
    return madeSource(
      this.name,
      async () => ({ manifest, blobs }),
      () => {},
    );
  }

  /** @param lower top first */
  async #write(lower: readonly string[], signal: AbortSignal): Promise<void> {
    const worker = await this.#ports.connectWorker(signal);
    const stop = (): void => worker.close();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const copy = await worker.enterRoot({ kind: 'overlay', lower });
      const tree = copy.pack({ path: '/', name: '', followLink: false, attributes: true });
      if (this.#reference.kind === 'dir') await this.#toDirectory(this.#reference.path, tree, signal);
      else await toFile(await this.#sink(this.#reference.path), tree);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      worker.close();
    }
  }

  async #sink(path: string): Promise<ByteSink> {
    return fileSink(await this.#ports.effects.files.openWriter(posix.dirname(path), 0o644), path);
  }

  async #toDirectory(path: string, tree: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    const { effects, limits, connectWorker } = this.#ports;
    await effects.files.makeDirectory(path, { mode: 0o755 });
    const worker = await connectWorker(signal);
    try {
      const { maxEntries, maxLayerBytes: maxBytes, maxHeaderBytes } = limits;
      const options = { directory: path, whiteouts: WHITEOUTS.none, maxEntries, maxBytes, maxHeaderBytes };
      const result = await worker.unpack(options, tree);
      if (!result.ok) throw unpackFailure(this.name, result.failure);
    } catch (error) {
      await this.#remove(path);
      throw error;
    } finally {
      worker.close();
    }
  }

  async #remove(path: string): Promise<void> {
    const worker = await this.#ports.connectWorker();
    try {
      const place = { directory: posix.dirname(path), name: posix.basename(path) };
      await worker.run([step('image target', 'remove-tree', place)]);
    } finally {
      worker.close();
    }
  }
}

function unpackFailure(
  name: string,
  { entry, errno }: { readonly entry: string; readonly errno: number },
): EngineError {
  const isFull = errno === ERRNO.ENOSPC || errno === ERRNO.EDQUOT;
  return isFull ? rootfsTargetErrors.diskFull({ name, entry }) : rootfsTargetErrors.notUnpacked({ name, entry, errno });
}

async function checkPlace(reference: RootfsReference, { effects }: RootfsTargetPorts): Promise<void> {
  const { path, kind } = reference;
  if (!path.startsWith('/')) throw rootfsTargetErrors.relativePath({ path });
  if (kind === 'tar') return;
  try {
    await effects.files.status(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return;
    throw error;
  }
  throw rootfsTargetErrors.exists({ path });
}

async function toFile(sink: ByteSink, tree: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const chunk of tree) await sink.write(chunk);
    await sink.commit();
  } finally {
    await sink.abort();
  }
}
