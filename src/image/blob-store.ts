import type { Files } from '../base/effects.ts';
import { type Digest, digestHex } from '../model/digest.ts';
import { systemErrorCode } from '../model/error.ts';

/** How the effects port marks files that are still being written. */
const UNFINISHED = '.tmp-';

/** Manifests and configs by digest, in `blobs/sha256/` as OCI layouts have them. Layers are kept unpacked only. */
export class BlobStore {
  readonly #files: Files;
  readonly #directory: string;

  constructor(files: Files, root: string) {
    this.#files = files;
    this.#directory = `${root}/blobs/sha256`;
  }

  /** Keeps content whose digest the caller has verified; synced when this resolves. */
  async put(digest: Digest, bytes: Uint8Array): Promise<void> {
    const path = `${this.#directory}/${digestHex(digest)}`;
    if (await this.#files.exists(path)) return;
    await this.#files.makeDirectory(this.#directory, { parents: true });
    await this.#files.writeAtomic(path, bytes, { durability: 'synced' });
    await this.#files.syncDirectory(this.#directory);
  }

  /** Removes every blob that is not among these. */
  async keepOnly(digests: ReadonlySet<Digest>): Promise<void> {
    const kept = new Set([...digests].map(digestHex));
    for (const name of await listOrEmpty(this.#files, this.#directory)) {
      if (!kept.has(name)) await this.#files.removeFile(`${this.#directory}/${name}`);
    }
  }

  /** Removes what a killed process was writing. */
  async sweep(): Promise<void> {
    await sweepUnfinished(this.#files, this.#directory);
  }
}

/** Removes files that a killed process had not finished in a directory of ours. */
export async function sweepUnfinished(files: Files, directory: string): Promise<void> {
  for (const name of await listOrEmpty(files, directory)) {
    if (name.startsWith(UNFINISHED)) await files.removeFile(`${directory}/${name}`);
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
