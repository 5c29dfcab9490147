import { damaged } from '../errors.ts';

const TOP = 2 ** 24;
const MODEL_BITS = 11;
const MODEL_TOTAL = 1 << MODEL_BITS;
const MOVE_BITS = 5;
/** One byte that means nothing, and four of the code. */
const RANGE_HEADER_BYTES = 5;

/** The range coder of LZMA: bits, each by a probability that learns. It reads one chunk, all of which is there. */
export class RangeDecoder {
  readonly #probabilities: Uint16Array;
  #range = 0;
  #code = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(probabilities: number) {
    this.#probabilities = new Uint16Array(probabilities);
  }

  resetProbabilities(): void {
    this.#probabilities.fill(MODEL_TOTAL / 2);
  }

  /** Begins a chunk. @throws {DecodeError} when it does not begin as all do */
  begin(chunk: Uint8Array): void {
    if (chunk.length < RANGE_HEADER_BYTES || chunk[0] !== 0) throw damaged('a chunk does not begin with a zero byte');
    this.#range = 0xffffffff;
    this.#code = 0;
    for (let at = 1; at < RANGE_HEADER_BYTES; at++) this.#code = ((this.#code << 8) | (chunk[at] as number)) >>> 0;
    this.#bytes = chunk;
    this.#at = RANGE_HEADER_BYTES;
  }

  /** More was read than the chunk has: what came of it is nonsense. */
  get isExhausted(): boolean {
    return this.#at > this.#bytes.length;
  }

  /** Whether the chunk was used up, exactly. */
  isAtEnd(): boolean {
    if (this.#range < TOP) this.#normalise();
    return this.#at === this.#bytes.length && this.#code === 0;
  }

  bit(index: number): 0 | 1 {
    if (this.#range < TOP) this.#normalise();
    const probability = this.#probabilities[index] as number;
    const bound = (this.#range >>> MODEL_BITS) * probability;
    if (this.#code < bound) {
      this.#range = bound;
      this.#probabilities[index] = probability + ((MODEL_TOTAL - probability) >> MOVE_BITS);
      return 0;
    }
    this.#range -= bound;
    this.#code -= bound;
    this.#probabilities[index] = probability - (probability >> MOVE_BITS);
    return 1;
  }

  /** `bits` of a number, the highest first. */
  tree(base: number, bits: number): number {
    let symbol = 1;
    for (let left = bits; left > 0; left--) symbol = (symbol << 1) | this.bit(base + symbol);
    return symbol - (1 << bits);
  }

  /** `bits` of a number, the lowest first. */
  reverseTree(base: number, bits: number): number {
    let symbol = 1;
    let number = 0;
    for (let at = 0; at < bits; at++) {
      const bit = this.bit(base + symbol);
      symbol = (symbol << 1) | bit;
      number |= bit << at;
    }
    return number;
  }

  /** Bits that are as likely as not. */
  direct(bits: number): number {
    let number = 0;
    for (let left = bits; left > 0; left--) {
      if (this.#range < TOP) this.#normalise();
      this.#range >>>= 1;
      const isOne = this.#code >= this.#range;
      if (isOne) this.#code -= this.#range;
      number = number * 2 + (isOne ? 1 : 0);
    }
    return number;
  }

  /** A literal after a match: the byte that lies there is a hint, as long as it is right. */
  matchedLiteral(base: number, hint: number): number {
    let symbol = 1;
    let match = hint;
    let offset = 0x100;
    while (symbol < 0x100) {
      match <<= 1;
      const matchBit = match & offset;
      const bit = this.bit(base + offset + matchBit + symbol);
      symbol = (symbol << 1) | bit;
      offset &= bit === 1 ? matchBit : ~matchBit;
    }
    return symbol & 0xff;
  }

  #normalise(): void {
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | (this.#bytes[this.#at++] ?? 0)) >>> 0;
  }
}
