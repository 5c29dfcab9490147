const LINE_FEED = 0x0a;

/** Cuts a stream of chunks into lines; a line that grows beyond the bound is given out in pieces. */
export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0);
  readonly #maxLineBytes: number;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** @returns the lines that this chunk completes, without their line feeds */
  push(chunk: Uint8Array): readonly Uint8Array[] {
    const buffer = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end = buffer.indexOf(LINE_FEED); end >= 0; end = buffer.indexOf(LINE_FEED, start)) {
      lines.push(buffer.subarray(start, end));
      start = end + 1;
    }
    this.#rest = buffer.subarray(start);
    if (this.#rest.length > this.#maxLineBytes) lines.push(this.take());
    return lines;
  }

  /** What is left without a line feed, given out and forgotten. */
  take(): Uint8Array {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest;
  }

  get isEmpty(): boolean {
    return this.#rest.length === 0;
  }
}
