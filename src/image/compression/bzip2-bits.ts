import { type ByteQueue, needed } from './byte-queue.ts';
import { damaged } from './errors.ts';

/** Bits of a stream, the highest of a byte first. */
export class BitReader {
  readonly #input: ByteQueue;
  /** Up to 31 bits that were taken from the input and not yet read, the next one the highest of them. */
  #held = 0;
  #count = 0;

  constructor(input: ByteQueue) {
    this.#input = input;
  }

  /** The next `count` bits, 1 to 24. @throws {DecodeError} when the input has ended */
  *read(count: number): Generator<'more', number, undefined> {
    while (this.#count < count) {
      if (!(yield* needed(this.#input, 1))) throw damaged('it ends inside a block');
      this.#hold();
    }
    return this.take(count);
  }

  *readU32(): Generator<'more', number, undefined> {
    const high = yield* this.read(16);
    return high * 0x10000 + (yield* this.read(16));
  }

  /** Waits until as many bytes are in the input, or all that will ever come. */
  *wait(bytes: number): Generator<'more', void, undefined> {
    yield* needed(this.#input, bytes);
  }

  /** The next `count` bits, 1 to 20, without reading them; zeros beyond the end of the input. */
  peek(count: number): number {
    while (this.#count < count) {
      if (this.#input.available > 0) {
        this.#hold();
      } else {
        return (this.#held << (count - this.#count)) & ((1 << count) - 1);
      }
    }
    return (this.#held >>> (this.#count - count)) & ((1 << count) - 1);
  }

  /** Reads bits that were peeked at. @throws {DecodeError} when the input has ended before them */
  take(count: number): number {
    if (this.#count < count) throw damaged('it ends inside a block');
    this.#count -= count;
    const bits = (this.#held >>> this.#count) & ((1 << count) - 1);
    this.#held &= (1 << this.#count) - 1;
    return bits;
  }

  /** Forgets what is left of a byte. */
  align(): void {
    this.take(this.#count % 8);
  }

  /** Whether anything follows. */
  *isThere(): Generator<'more', boolean, undefined> {
    return this.#count > 0 || (yield* needed(this.#input, 1));
  }

  #hold(): void {
    const { bytes, at } = this.#input;
    this.#held = (this.#held << 8) | (bytes[at] as number);
    this.#count += 8;
    this.#input.at++;
  }
}
