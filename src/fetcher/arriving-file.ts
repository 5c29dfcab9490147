import { createHash, type Hash } from 'node:crypto';
import type { Files, FileWriter } from '../base/effects.ts';
import type { WebResponse } from '../image/web/web-client.ts';
import type { Digest } from '../model/digest.ts';

const NO_SUCH_RANGE = 416;

/** A file on its way from a server that may break off: what came of it, and how the server names that version of it. */
export class ArrivingFile {
  readonly #files: Files;
  readonly #directory: string;
  #writer: FileWriter | undefined;
  #hash: Hash = createHash('sha256');
  #sizeBytes = 0;
  /** An ETag or a date, by which the rest of the very same version can be asked for (RFC 9110 §13.1.5). */
  #version: string | undefined;

  constructor(files: Files, directory: string) {
    this.#files = files;
    this.#directory = directory;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Headers that ask for what has not come; none ask for all of it. */
  wishes(): Readonly<Record<string, string>> {
    if (this.#sizeBytes === 0 || this.#version === undefined) return {};
    return { range: `bytes=${this.#sizeBytes}-`, 'if-range': this.#version };
  }

  /**
   * Takes what a server sends: the rest, or all of it anew.
   *
   * @returns false for a part that was not asked for; nothing of it is taken, and nothing is left of what came before
   * @throws what the body throws; then a part of it may have come
   */
  async take(response: WebResponse, maxBytes: number): Promise<boolean> {
    const isRest = response.status === 206;
    if (response.status === NO_SUCH_RANGE || (isRest && !this.#isNext(response))) {
      await this.#beginAnew(undefined);
      return false;
    }
    if (!isRest) await this.#beginAnew(versionOf(response));
    this.#writer ??= await this.#files.openWriter(this.#directory);
    for await (const chunk of response.body(maxBytes, this.#sizeBytes)) {
      this.#hash.update(chunk);
      this.#sizeBytes += chunk.length;
      await this.#writer.write(chunk);
    }
    return true;
  }

  /** What came is all of it. To be called once. */
  digest(): Digest {
    return `sha256:${this.#hash.digest('hex')}` as Digest;
  }

  async commit(path: string): Promise<void> {
    await this.#writer?.commit(path, 'volatile');
  }

  /** After `commit` it does nothing. */
  async abort(): Promise<void> {
    await this.#writer?.abort();
  }

  #isNext({ headers }: WebResponse): boolean {
    const first = /^bytes (\d+)-/.exec(headers['content-range'] ?? '')?.[1];
    return this.#sizeBytes > 0 && Number(first) === this.#sizeBytes;
  }

  async #beginAnew(version: string | undefined): Promise<void> {
    await this.#writer?.abort();
    this.#writer = undefined;
    this.#hash = createHash('sha256');
    this.#sizeBytes = 0;
    this.#version = version;
  }
}

/** A weak ETag says that two versions mean the same, not that they are the same bytes. */
function versionOf({ headers }: WebResponse): string | undefined {
  const { etag } = headers;
  return etag?.startsWith('"') === true ? etag : headers['last-modified'];
}
