import type { FileAppender, Files } from '../../base/effects.ts';
import { type Digest, digestHex } from '../../model/digest.ts';
import { listOrEmpty, removeIfThere, sizeOrMissing } from '../blob-store.ts';

/** What has come of a layer, and when it last grew. */
export interface PartialBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

/**
 * Layers that have come in part, by digest, in `blobs/ingest/`. A pull goes on where the file ends, also after a crash; what
 * lies here is trusted no further than its digest, which is computed again from the first byte.
 */
export class PartialBlobs {
  readonly directory: string;
  readonly #files: Files;

  constructor(files: Files, root: string) {
    this.#files = files;
    this.directory = `${root}/blobs/ingest`;
  }

  pathOf(digest: Digest): string {
    return `${this.directory}/${digestHex(digest)}`;
  }

  async sizeOf(digest: Digest): Promise<number | undefined> {
    return await sizeOrMissing(this.#files, this.pathOf(digest));
  }

  read(digest: Digest): AsyncIterable<Uint8Array> {
    return this.#files.readStream(this.pathOf(digest));
  }

  async append(digest: Digest): Promise<FileAppender> {
    await this.#files.makeDirectory(this.directory, { parents: true });
    return await this.#files.openAppender(this.pathOf(digest));
  }

  async discard(digest: Digest): Promise<void> {
    await removeIfThere(this.#files, this.pathOf(digest));
  }

  async all(): Promise<readonly PartialBlob[]> {
    const found: PartialBlob[] = [];
    for (const name of await listOrEmpty(this.#files, this.directory)) {
      const status = await this.#files.status(`${this.directory}/${name}`).catch(() => undefined);
      if (status === undefined || !/^[0-9a-f]{64}$/.test(name)) continue;
      found.push({ digest: `sha256:${name}` as Digest, sizeBytes: status.sizeBytes, mtimeMs: status.mtimeMs });
    }
    return found;
  }
}
