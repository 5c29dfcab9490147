import { damaged } from '../errors.ts';
import type { Dictionary } from './dictionary.ts';
import { RangeDecoder } from './range-decoder.ts';

/** Igor Pavlov's LZMA specification; names of the probabilities as there. */
const STATES = 12;
const MAX_POSITION_STATES = 16;
const LENGTH_STATES = 4;
const END_POSITION_MODEL = 14;
const FULL_DISTANCES = 128;
const ALIGN_BITS = 4;
const MIN_MATCH = 2;

/** Places of the groups of probabilities in one array. */
const IS_MATCH = 0;
const IS_REP = IS_MATCH + STATES * MAX_POSITION_STATES;
const IS_REP0 = IS_REP + STATES;
const IS_REP1 = IS_REP0 + STATES;
const IS_REP2 = IS_REP1 + STATES;
const IS_REP0_LONG = IS_REP2 + STATES;
const POSITION_SLOT = IS_REP0_LONG + STATES * MAX_POSITION_STATES;
const POSITION = POSITION_SLOT + LENGTH_STATES * 64;
const ALIGN = POSITION + FULL_DISTANCES;
const MATCH_LENGTH = ALIGN + (1 << ALIGN_BITS);
const LENGTH_LOW = 2;
const LENGTH_MIDDLE = LENGTH_LOW + MAX_POSITION_STATES * 8;
const LENGTH_HIGH = LENGTH_MIDDLE + MAX_POSITION_STATES * 8;
const LENGTH_PROBABILITIES = LENGTH_HIGH + 256;
const REP_LENGTH = MATCH_LENGTH + LENGTH_PROBABILITIES;
const LITERAL = REP_LENGTH + LENGTH_PROBABILITIES;
const LITERAL_PROBABILITIES = 0x300;

/** The symbols of LZMA: literals and matches, written into a dictionary. */
export class LzmaDecoder {
  readonly range = new RangeDecoder(LITERAL + (LITERAL_PROBABILITIES << 4));
  readonly #dictionary: Dictionary;
  #literalContextBits = 0;
  #literalPositionMask = 0;
  #positionMask = 0;
  #state = 0;
  readonly #reps = new Uint32Array(4);
  /** Uncompressed bytes of this dictionary so far: lengths and literals depend on it. */
  #position = 0;
  /** Of a match that did not fit. */
  #lengthLeft = 0;

  constructor(dictionary: Dictionary) {
    this.#dictionary = dictionary;
  }

  /** @throws {DecodeError} for properties that LZMA2 does not have */
  setProperties(byte: number): void {
    const literalContextBits = byte % 9;
    const rest = Math.floor(byte / 9);
    const literalPositionBits = rest % 5;
    const positionBits = Math.floor(rest / 5);
    // LZMA2 bounds the sum, so that the probabilities of literals have a bounded number.
    if (positionBits > 4 || literalContextBits + literalPositionBits > 4) {
      throw damaged(`a chunk has properties ${byte}`);
    }
    this.#literalContextBits = literalContextBits;
    this.#literalPositionMask = (1 << literalPositionBits) - 1;
    this.#positionMask = (1 << positionBits) - 1;
  }

  resetState(): void {
    this.#state = 0;
    this.#reps.fill(0);
    this.range.resetProbabilities();
  }

  resetPosition(): void {
    this.#position = 0;
  }

  /** Counts bytes that went into the dictionary uncompressed. */
  passed(bytes: number): void {
    this.#position += bytes;
  }

  /**
   * Decodes up to `limit` bytes, which fit into the dictionary. A match may be cut: the next call goes on with it.
   *
   * @throws {DecodeError} for a match of what is not there
   */
  decode(limit: number): void {
    let left = limit;
    left -= this.#copyMatch(left);
    while (left > 0) {
      const positionState = this.#position & this.#positionMask;
      const { range } = this;
      if (range.bit(IS_MATCH + this.#state * MAX_POSITION_STATES + positionState) === 0) {
        this.#literal();
        left--;
        this.#position++;
        continue;
      }
      if (range.bit(IS_REP + this.#state) === 0) this.#match(positionState);
      else this.#rep(positionState);
      left -= this.#copyMatch(left);
    }
  }

  /** A match may not reach over the end of a chunk. */
  get isInMatch(): boolean {
    return this.#lengthLeft > 0;
  }

  #copyMatch(limit: number): number {
    const length = Math.min(this.#lengthLeft, limit);
    if (length === 0) return 0;
    this.#dictionary.copy(this.#reps[0] as number, length);
    this.#lengthLeft -= length;
    this.#position += length;
    return length;
  }

  #literal(): void {
    const dictionary = this.#dictionary;
    const before = dictionary.back(0) >> (8 - this.#literalContextBits);
    const context = ((this.#position & this.#literalPositionMask) << this.#literalContextBits) + before;
    const base = LITERAL + LITERAL_PROBABILITIES * context;
    const { range } = this;
    if (this.#state < 7) {
      let symbol = 1;
      while (symbol < 0x100) symbol = (symbol << 1) | range.bit(base + symbol);
      dictionary.put(symbol & 0xff);
    } else {
      dictionary.put(range.matchedLiteral(base, dictionary.back(this.#reps[0] as number)));
    }
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
  }

  #match(positionState: number): void {
    const reps = this.#reps;
    reps.copyWithin(1, 0, 3);
    const length = this.#length(MATCH_LENGTH, positionState);
    this.#state = this.#state < 7 ? 7 : 10;
    reps[0] = this.#distance(Math.min(length, LENGTH_STATES - 1));
    this.#lengthLeft = length + MIN_MATCH;
    // An end marker, which LZMA2 does not have.
    if (reps[0] === 0xffffffff) throw damaged('a chunk has an end marker');
  }

  #rep(positionState: number): void {
    const { range } = this;
    const state = this.#state;
    if (range.bit(IS_REP0 + state) === 0) {
      if (range.bit(IS_REP0_LONG + state * MAX_POSITION_STATES + positionState) === 0) {
        this.#state = state < 7 ? 9 : 11;
        this.#lengthLeft = 1;
        return;
      }
    } else {
      const index = range.bit(IS_REP1 + state) === 0 ? 1 : range.bit(IS_REP2 + state) === 0 ? 2 : 3;
      const distance = this.#reps[index] as number;
      this.#reps.copyWithin(1, 0, index);
      this.#reps[0] = distance;
    }
    this.#state = state < 7 ? 8 : 11;
    this.#lengthLeft = this.#length(REP_LENGTH, positionState) + MIN_MATCH;
  }

  #length(base: number, positionState: number): number {
    const { range } = this;
    if (range.bit(base) === 0) return range.tree(base + LENGTH_LOW + positionState * 8, 3);
    if (range.bit(base + 1) === 0) return 8 + range.tree(base + LENGTH_MIDDLE + positionState * 8, 3);
    return 16 + range.tree(base + LENGTH_HIGH, 8);
  }

  #distance(lengthState: number): number {
    const { range } = this;
    const slot = range.tree(POSITION_SLOT + lengthState * 64, 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const base = ((2 | (slot & 1)) << bits) >>> 0;
    if (slot < END_POSITION_MODEL) return base + range.reverseTree(POSITION + base - slot, bits);
    const high = range.direct(bits - ALIGN_BITS);
    return base + high * (1 << ALIGN_BITS) + range.reverseTree(ALIGN, ALIGN_BITS);
  }
}
