/** Input of a decoder that reads a stream in units of its own: bytes in order, as many as are there. */
export class ByteQueue {
  /** What is there; only `[at, end)` counts. Another array after {@link add}. */
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  end = 0;
  /** Nothing more will come. */
  ended = false;
  /** Bytes that {@link take} gave out so far. */
  taken = 0;
  #isOwn = false;

  get available(): number {
    return this.end - this.at;
  }

  add(chunk: Uint8Array): void {
    const kept = this.available;
    if (kept === 0) {
      this.bytes = chunk;
      this.#isOwn = false;
    } else if (!this.#isOwn || this.end + chunk.length > this.bytes.length) {
      // Twice what is needed: input in crumbs must not cost a copy of everything for each.
      const roomy = new Uint8Array(2 * (kept + chunk.length));
      roomy.set(this.bytes.subarray(this.at, this.end));
      roomy.set(chunk, kept);
      this.bytes = roomy;
      this.#isOwn = true;
    } else {
      this.bytes.set(chunk, this.end);
      this.end += chunk.length;
      return;
    }
    this.at = 0;
    this.end = kept + chunk.length;
  }

  /** The next `count` bytes, which must be there; they may change with the next {@link add}. */
  take(count: number): Uint8Array {
    this.at += count;
    this.taken += count;
    return this.bytes.subarray(this.at - count, this.at);
  }
}

/** What a decoder says: it wants more input, it has worked for a while, or here is output. */
export type Decoding = Generator<'more' | 'pause' | Uint8Array, void, undefined>;

/** Waits until the next `count` bytes are there. @returns whether they are; `false` at the end of the input */
export function* needed(input: ByteQueue, count: number): Generator<'more', boolean, undefined> {
  while (input.available < count && !input.ended) yield 'more';
  return input.available >= count;
}
