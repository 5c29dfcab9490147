import type { Files } from '../base/effects.ts';
import { systemErrorCode } from '../model/error.ts';

const CHUNK_BYTES = 256 * 1024;
/** More generations than any log keeps; a bound on the search. */
const MAX_GENERATIONS = 64;

/**
 * Reads a file that its writer rotates (`log` becomes `log.1`, that becomes `log.2` …), from a position on, without
 * missing or repeating a byte. The file is known by its inode, so a rotation between two reads is noticed.
 */
export class RotatedFile {
  readonly #files: Files;
  readonly #path: string;
  /** The generation that is being read; `undefined` before the first file was seen. */
  #inode: bigint | undefined;
  #offset = 0;

  constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /**
   * Sets the position: `undefined` for the oldest byte kept, else so many lines before the end.
   * Nothing of the file is held between calls.
   */
  async seek(tailLines: number | undefined): Promise<void> {
    const generations = await this.#generations();
    let wanted = tailLines ?? Number.POSITIVE_INFINITY;
    for (const { path, inode, sizeBytes } of generations) {
      const { offset, lines } = await this.#lineOffset(path, sizeBytes, wanted);
      this.#inode = inode;
      this.#offset = offset;
      wanted -= lines;
      if (wanted <= 0) return;
    }
  }

  /** Everything between the position and the present end, oldest first. */
  async *drain(): AsyncIterable<Uint8Array> {
    for (;;) {
      const generations = await this.#generations();
      const index = generations.findIndex((file) => file.inode === this.#inode && file.sizeBytes >= this.#offset);
      const at = index >= 0 ? generations[index] : generations.at(-1);
      if (at === undefined) return;
      if (index < 0) {
        // Not begun yet, or rotated away unread: go on with the oldest that is left.
        this.#inode = at.inode;
        this.#offset = 0;
      }
      const chunk = await this.#read(at);
      if (chunk === undefined) continue;
      if (chunk.length > 0) {
        this.#offset += chunk.length;
        yield chunk;
        continue;
      }
      const next = generations[generations.indexOf(at) - 1];
      if (next === undefined) return;
      if ((await this.#inodeOf(at.path)) !== at.inode) continue;
      this.#inode = next.inode;
      this.#offset = 0;
    }
  }

  /** @returns `undefined` when the path held another file by the time it was read */
  async #read(file: { readonly path: string; readonly inode: bigint }): Promise<Uint8Array | undefined> {
    const parts: Uint8Array[] = [];
    try {
      const range = { start: this.#offset, end: this.#offset + CHUNK_BYTES };
      for await (const part of this.#files.readStream(file.path, range)) parts.push(part);
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
    return (await this.#inodeOf(file.path)) === file.inode ? Buffer.concat(parts) : undefined;
  }

  async #inodeOf(path: string): Promise<bigint | undefined> {
    return (await this.#status(path))?.inode;
  }

  async #status(path: string): Promise<{ readonly inode: bigint; readonly sizeBytes: number } | undefined> {
    try {
      return await this.#files.status(path);
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Newest first. Between the two renames of a rotation the newest path is missing for a moment. */
  async #generations(): Promise<{ readonly path: string; readonly inode: bigint; readonly sizeBytes: number }[]> {
    const found: { path: string; inode: bigint; sizeBytes: number }[] = [];
    for (let number = 0; number < MAX_GENERATIONS; number++) {
      const path = number === 0 ? this.#path : `${this.#path}.${number}`;
      const status = await this.#status(path);
      if (status !== undefined) found.push({ path, inode: status.inode, sizeBytes: status.sizeBytes });
      else if (number > 0) break;
    }
    return found;
  }

  /** Where the last `wanted` lines of a file begin, and how many lines those are. Reads backwards. */
  async #lineOffset(
    path: string,
    sizeBytes: number,
    wanted: number,
  ): Promise<{ readonly offset: number; readonly lines: number }> {
    if (wanted === Number.POSITIVE_INFINITY) return { offset: 0, lines: 0 };
    if (wanted <= 0) return { offset: sizeBytes, lines: 0 };
    let lines = 0;
    for (let end = sizeBytes; end > 0; ) {
      const start = Math.max(0, end - CHUNK_BYTES);
      const parts: Uint8Array[] = [];
      for await (const part of this.#files.readStream(path, { start, end })) parts.push(part);
      const block = Buffer.concat(parts);
      for (let at = block.lastIndexOf(0x0a); at >= 0; at = at === 0 ? -1 : block.lastIndexOf(0x0a, at - 1)) {
        // The line feed that ends the file ends the last line, it does not begin another one.
        if (start + at === sizeBytes - 1) continue;
        lines += 1;
        if (lines === wanted) return { offset: start + at + 1, lines };
      }
      end = start;
    }
    return { offset: 0, lines: sizeBytes > 0 ? lines + 1 : 0 };
  }
}
