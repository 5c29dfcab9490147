import type { Digest } from '../../model/digest.ts';
import { EngineError, systemErrorCode } from '../../model/error.ts';
import type { BlobStore } from '../blob-store.ts';
import type { Descriptor } from '../manifest.ts';
import { fromOtherSenders } from '../other-senders.ts';
import type { ImageSource } from '../source.ts';
import { KeyedLock } from './keyed-lock.ts';
import { inLargePieces } from './large-pieces.ts';
import type { PartialBlobs } from './partial-blobs.ts';

/** What is here of a layer's bytes. */
type Local =
  | { readonly kind: 'kept'; readonly bytes: number }
  | { readonly kind: 'partial'; readonly bytes: number }
  | { readonly kind: 'none'; readonly bytes: 0 };

const NOTHING: Local = { kind: 'none', bytes: 0 };

/**
 * The bytes of layers for whoever unpacks them: first what is here, then the rest from the source, which is kept while it
 * passes. One user at a time for each layer: who comes second finds what the first one fetched.
 */
export class LayerBytes {
  readonly #blobs: BlobStore;
  readonly #partials: PartialBlobs;
  readonly #turns = new KeyedLock();

  constructor(blobs: BlobStore, partials: PartialBlobs) {
    this.#blobs = blobs;
    this.#partials = partials;
  }

  /** Where layers come in; synced before {@link takeIn}. */
  get directory(): string {
    return this.#partials.directory;
  }

  async isKept(digest: Digest): Promise<boolean> {
    return (await this.#blobs.sizeOf(digest)) !== undefined;
  }

  /**
   * Runs `read` with a source whose blob comes from here as far as it is here. When it fails and some of the bytes were
   * ours, they may be the cause: they are thrown away, and it is run again with what the source sends from the first byte.
   *
   * @param read must verify what it reads, to its end
   */
  async use<Result>(
    descriptor: Descriptor,
    from: { readonly source: ImageSource; readonly signal: AbortSignal },
    read: (source: ImageSource) => Promise<Result>,
  ): Promise<Result> {
    const { source, signal } = from;
    return await this.#turns.run(descriptor.digest, signal, async () => {
      const local = await this.#local(descriptor);
      if (local.kind !== 'none') {
        try {
          return await this.#read(descriptor, { source, local }, read);
        } catch (error) {
          if (!isOurFault(local, error) || signal.aborted) throw error;
        }
      }
      return await fromOtherSenders(source, descriptor, () => this.#read(descriptor, { source, local: NOTHING }, read));
    });
  }

  /** Makes blobs of layers that have come whole and were verified; whoever calls this has synced them. */
  async takeIn(digests: readonly Digest[]): Promise<void> {
    const finished: { digest: Digest; path: string }[] = [];
    for (const digest of new Set(digests)) {
      if ((await this.#partials.sizeOf(digest)) !== undefined) {
        finished.push({ digest, path: this.#partials.pathOf(digest) });
      }
    }
    await this.#blobs.takeIn(finished);
  }

  async #local(descriptor: Descriptor): Promise<Local> {
    const { digest, sizeBytes } = descriptor;
    const kept = await this.#blobs.sizeOf(digest);
    if (kept === sizeBytes) return { kind: 'kept', bytes: kept };
    if (kept !== undefined) await this.#blobs.remove(digest);
    const partial = await this.#partials.sizeOf(digest);
    if (partial === undefined || partial === 0) return NOTHING;
    if (partial <= sizeBytes) return { kind: 'partial', bytes: partial };
    await this.#partials.discard(digest);
    return NOTHING;
  }

  async #read<Result>(
    descriptor: Descriptor,
    from: { readonly source: ImageSource; readonly local: Local },
    read: (source: ImageSource) => Promise<Result>,
  ): Promise<Result> {
    const { source, local } = from;
    try {
      return await read(this.#through(source, local));
    } catch (error) {
      if (local.kind === 'kept') {
        if (isOurFault(local, error)) await this.#blobs.remove(descriptor.digest);
      } else if (isWrong(error) || isDiskFull(error)) {
        await this.#partials.discard(descriptor.digest);
      }
      throw error;
    }
  }

  #through(source: ImageSource, local: Local): ImageSource {
    return {
      name: source.name,
      pinned: source.pinned,
      root: (signal) => source.root(signal),
      manifest: (descriptor, signal) => source.manifest(descriptor, signal),
      blob: (descriptor, signal) => this.#bytes(descriptor, { source, local, signal }),
      close: () => source.close(),
    };
  }

  async *#part(digest: Digest): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* this.#partials.read(digest);
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
      // It was whole, and the pull that brought it has just made it a blob.
      yield* this.#blobs.read(digest);
    }
  }

  async *#bytes(
    descriptor: Descriptor,
    from: { readonly source: ImageSource; readonly local: Local; readonly signal: AbortSignal },
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { digest, sizeBytes } = descriptor;
    const { source, local, signal } = from;
    if (local.kind === 'kept') {
      yield* this.#blobs.read(digest);
      return;
    }
    if (local.kind === 'partial') yield* this.#part(digest);
    if (local.bytes === sizeBytes && sizeBytes > 0) return;
    const appender = await this.#partials.append(digest);
    let writing: Promise<void> = Promise.resolve();
    let { bytes } = local;
    try {
      for await (const chunk of inLargePieces(source.blob(descriptor, signal, local.bytes))) {
        // The disk and the unpacker work side by side, never more than one chunk apart.
        bytes += chunk.length;
        writing = appender.write(chunk);
        writing.catch(() => {});
        yield chunk;
        await writing;
      }
    } finally {
      await writing.catch(() => {});
      await appender.close();
      // What is not to be had leaves nothing to go on with.
      if (bytes === 0) await this.#partials.discard(digest);
    }
  }
}

/** Whether bytes that lay here may be why reading failed. A blob was verified once: only a wrong digest accuses it. */
function isOurFault(local: Local, error: unknown): boolean {
  if (local.kind === 'partial') return isWrong(error);
  return local.kind === 'kept' && error instanceof EngineError && error.code === 'image-content.wrongDigest';
}

/** Errors of content and of unpacking, but for an end that came too early: the rest of that may still come. */
function isWrong(error: unknown): boolean {
  if (!(error instanceof EngineError) || error.code === 'image-content.truncated' || isDiskFull(error)) return false;
  return error.code.startsWith('image-');
}

/** What has come in part is in the way on a full disk. */
function isDiskFull(error: unknown): boolean {
  const code = systemErrorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'image-layer.diskFull';
}
