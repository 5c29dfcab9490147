import { createHash } from 'node:crypto';
import { type Files, type FileWriter, TEMPORARY_PREFIX } from '../base/effects.ts';
import { type Digest, digestHex } from '../model/digest.ts';
import { systemErrorCode } from '../model/error.ts';
import { verified } from './layer-stream.ts';
import type { Descriptor } from './manifest.ts';

/**
 * Manifests, configs and layers by digest, byte for byte as they came, in `blobs/sha256/` as OCI layouts have them. A blob
 * bears its name only once it is whole, verified and synced.
 *
 * What nobody names is garbage: who writes a blob holds a lease on it until an image names it.
 */
export class BlobStore {
  readonly #files: Files;
  readonly #directory: string;

  constructor(files: Files, root: string) {
    this.#files = files;
    this.#directory = `${root}/blobs/sha256`;
  }

  pathOf(digest: Digest): string {
    return `${this.#directory}/${digestHex(digest)}`;
  }

  /** Bytes of a blob; `undefined` when it is not here. */
  async sizeOf(digest: Digest): Promise<number | undefined> {
    return await sizeOrMissing(this.#files, this.pathOf(digest));
  }

  /** Not verified: whoever reads checks. Rejects with ENOENT when the blob is not here. */
  read(digest: Digest, startByte = 0): AsyncIterable<Uint8Array> {
    return this.#files.readStream(this.pathOf(digest), { start: startByte });
  }

  /** Keeps small content whose digest the caller has verified; synced when this resolves. */
  async put(digest: Digest, bytes: Uint8Array): Promise<void> {
    if (await this.#files.exists(this.pathOf(digest))) return;
    await this.#prepare();
    await this.#files.writeAtomic(this.pathOf(digest), bytes, { durability: 'synced' });
    await this.#files.syncDirectory(this.#directory);
  }

  /**
   * Keeps content as it streams past; verified and synced when this resolves. The content is read to its end even when the
   * blob is here already, for somebody else may be reading along.
   *
   * @throws {EngineError} `image-content.truncated`, `.tooLong`, `.wrongDigest`; what the content throws
   */
  async write(descriptor: Descriptor, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    const checked = verified(content, descriptor, `blob ${descriptor.digest}`);
    await this.#writeStream(checked, signal, () => descriptor.digest);
  }

  /** Keeps content whose digest is known only at its end. */
  async create(
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<{ readonly digest: Digest; readonly sizeBytes: number }> {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    async function* hashed(): AsyncGenerator<Uint8Array, void, undefined> {
      for await (const chunk of content) {
        hash.update(chunk);
        sizeBytes += chunk.length;
        yield chunk;
      }
    }
    let digest: Digest | undefined;
    const named = (): Digest => {
      digest ??= `sha256:${hash.digest('hex')}` as Digest;
      return digest;
    };
    await this.#writeStream(hashed(), signal, named);
    return { digest: named(), sizeBytes };
  }

  /** Every blob here. */
  async digests(): Promise<readonly Digest[]> {
    const names = await listOrEmpty(this.#files, this.#directory);
    return names.filter((name) => /^[0-9a-f]{64}$/.test(name)).map((name) => `sha256:${name}` as Digest);
  }

  /** Takes a blob away; one that is not here is fine. */
  async remove(digest: Digest): Promise<void> {
    await removeIfThere(this.#files, this.pathOf(digest));
  }

  /** Takes finished files of this file system in as blobs: renamed, and their names synced. Their content is synced already. */
  async takeIn(finished: readonly { readonly digest: Digest; readonly path: string }[]): Promise<void> {
    if (finished.length === 0) return;
    await this.#prepare();
    for (const { digest, path } of finished) {
      try {
        await this.#files.rename(path, this.pathOf(digest));
      } catch (error) {
        // Another pull that needs the same layer has taken it in.
        if (systemErrorCode(error) !== 'ENOENT' || (await this.sizeOf(digest)) === undefined) throw error;
      }
    }
    await this.#files.syncDirectory(this.#directory);
  }

  /** Removes what a killed process was writing. */
  async sweep(): Promise<void> {
    await sweepUnfinished(this.#files, this.#directory);
  }

  async #writeStream(content: AsyncIterable<Uint8Array>, signal: AbortSignal, name: () => Digest): Promise<void> {
    await this.#prepare();
    const writer: FileWriter = await this.#files.openWriter(this.#directory);
    try {
      for await (const chunk of content) {
        signal.throwIfAborted();
        await writer.write(chunk);
      }
      signal.throwIfAborted();
      if ((await this.sizeOf(name())) === undefined) await writer.commit(this.pathOf(name()), 'synced');
    } finally {
      await writer.abort();
    }
    await this.#files.syncDirectory(this.#directory);
  }

  async #prepare(): Promise<void> {
    await this.#files.makeDirectory(this.#directory, { parents: true });
  }
}

/** Removes files that a killed process had not finished in a directory of ours. */
export async function sweepUnfinished(files: Files, directory: string): Promise<void> {
  for (const name of await listOrEmpty(files, directory)) {
    if (name.startsWith(TEMPORARY_PREFIX)) await files.removeFile(`${directory}/${name}`);
  }
}

/** Names in a directory; none when it does not exist. */
export async function listOrEmpty(files: Files, directory: string): Promise<readonly string[]> {
  try {
    return await files.list(directory);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Size of a file; `undefined` when there is none. */
export async function sizeOrMissing(files: Files, path: string): Promise<number | undefined> {
  try {
    return (await files.status(path)).sizeBytes;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Removes a file; one that is gone is fine. */
export async function removeIfThere(files: Files, path: string): Promise<void> {
  try {
    await files.removeFile(path);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}
