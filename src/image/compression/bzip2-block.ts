import type { BitReader } from './bzip2-bits.ts';
import { damaged, unsupported } from './errors.ts';

/** One block, its symbols undone: what the sorting transformation is undone from. */
export interface Block {
  /** The last column of the sorted matrix. */
  readonly column: Uint8Array;
  /** Which row is the text itself. */
  readonly origin: number;
}

const GROUP_SYMBOLS = 50;
const MAX_CODE_BITS = 20;
/** The most bytes of input that one group takes. */
const GROUP_BYTES = Math.ceil((GROUP_SYMBOLS * MAX_CODE_BITS) / 8) + 4;
/** Some milliseconds of work. */
const GROUPS_AT_A_TIME = 1000;
const RUN_A = 0;
const RUN_B = 1;

interface Codes {
  /** By length: the first code beyond the last of that length, left-aligned to 20 bits. */
  readonly limits: Int32Array;
  /** By length: what to add to a code for its place in `symbols`. */
  readonly offsets: Int32Array;
  readonly symbols: Uint16Array;
  readonly shortest: number;
}

/** Reads a block behind its sum. @throws {DecodeError} */
export function* readBlock(bits: BitReader, maxBytes: number): Generator<'more' | 'pause', Block, undefined> {
  if ((yield* bits.read(1)) === 1) throw unsupported('blocks that were randomised, as before 0.9.5');
  const origin = yield* bits.read(24);
  const alphabet = yield* readAlphabet(bits);
  const tables = yield* bits.read(3);
  if (tables < 2 || tables > 6) throw damaged(`a block has ${tables} tables`);
  const selectors = yield* readSelectors(bits, tables);
  const codes: Codes[] = [];
  for (let table = 0; table < tables; table++) codes.push(yield* readCodes(bits, alphabet.length + 2));
  const column = new Column(maxBytes, alphabet);
  const isDone = yield* readSymbols(bits, { selectors, codes, column, end: alphabet.length + 1 });
  if (!isDone) throw damaged('a block has no end');
  const bytes = column.finish();
  if (origin >= bytes.length) throw damaged('a block begins outside of itself');
  return { column: bytes, origin };
}

/** Which bytes there are: two levels of maps, sixteen by sixteen. */
function* readAlphabet(bits: BitReader): Generator<'more', Uint8Array, undefined> {
  const used = yield* bits.read(16);
  const bytes: number[] = [];
  for (let row = 0; row < 16; row++) {
    if ((used & (0x8000 >> row)) === 0) continue;
    const map = yield* bits.read(16);
    for (let at = 0; at < 16; at++) if ((map & (0x8000 >> at)) !== 0) bytes.push(row * 16 + at);
  }
  if (bytes.length === 0) throw damaged('a block has no bytes');
  return Uint8Array.from(bytes);
}

/** Which table each group of symbols is coded by, moved to front. */
function* readSelectors(bits: BitReader, tables: number): Generator<'more', Uint8Array, undefined> {
  const count = yield* bits.read(15);
  if (count === 0) throw damaged('a block has no groups');
  const order = Array.from({ length: tables }, (_, table) => table);
  const selectors = new Uint8Array(count);
  for (let group = 0; group < count; group++) {
    let place = 0;
    while ((yield* bits.read(1)) === 1) if (++place >= tables) throw damaged('a group has a table that is not there');
    const [table] = order.splice(place, 1) as [number];
    order.unshift(table);
    selectors[group] = table;
  }
  return selectors;
}

function* readCodes(bits: BitReader, symbols: number): Generator<'more', Codes, undefined> {
  const lengths = new Uint8Array(symbols);
  let length = yield* bits.read(5);
  for (let symbol = 0; symbol < symbols; symbol++) {
    for (;;) {
      if (length < 1 || length > MAX_CODE_BITS) throw damaged(`a code has ${length} bits`);
      if ((yield* bits.read(1)) === 0) break;
      length += (yield* bits.read(1)) === 0 ? 1 : -1;
    }
    lengths[symbol] = length;
  }
  return codesOf(lengths);
}

function codesOf(lengths: Uint8Array): Codes {
  const symbols = Uint16Array.from(lengths.keys()).sort((a, b) => {
    return (lengths[a] as number) - (lengths[b] as number) || a - b;
  });
  const limits = new Int32Array(MAX_CODE_BITS + 1).fill(-1);
  const offsets = new Int32Array(MAX_CODE_BITS + 1);
  let code = 0;
  let place = 0;
  for (let length = 1; length <= MAX_CODE_BITS; length++) {
    const count = lengths.reduce((sum, of) => sum + (of === length ? 1 : 0), 0);
    offsets[length] = place - code;
    code += count;
    place += count;
    // Lengths that no prefix code has lead beyond the symbols, where `symbolOf` finds nothing.
    limits[length] = code * 2 ** (MAX_CODE_BITS - length);
    code *= 2;
  }
  return { limits, offsets, symbols, shortest: lengths[symbols[0] as number] as number };
}

function symbolOf(bits: BitReader, { limits, offsets, symbols, shortest }: Codes): number {
  const ahead = bits.peek(MAX_CODE_BITS);
  let length = shortest;
  while (length <= MAX_CODE_BITS && ahead >= (limits[length] as number)) length++;
  if (length > MAX_CODE_BITS) throw damaged('a code stands for nothing');
  const symbol = symbols[bits.take(length) + (offsets[length] as number)];
  if (symbol === undefined) throw damaged('a code stands for nothing');
  return symbol;
}

function* readSymbols(
  bits: BitReader,
  how: {
    readonly selectors: Uint8Array;
    readonly codes: readonly Codes[];
    readonly column: Column;
    readonly end: number;
  },
): Generator<'more' | 'pause', boolean, undefined> {
  const { selectors, codes, column, end } = how;
  for (const [group, selector] of selectors.entries()) {
    yield* bits.wait(GROUP_BYTES);
    if (group % GROUPS_AT_A_TIME === GROUPS_AT_A_TIME - 1) yield 'pause';
    const table = codes[selector] as Codes;
    for (let left = GROUP_SYMBOLS; left > 0; left--) {
      const symbol = symbolOf(bits, table);
      if (symbol === end) return true;
      if (symbol === RUN_A || symbol === RUN_B) column.run(symbol);
      else column.literal(symbol - 1);
    }
  }
  return false;
}

/** Undoes runs and move-to-front while symbols come. */
class Column {
  readonly #bytes: Uint8Array;
  readonly #front: Uint8Array;
  #length = 0;
  #runLength = 0;
  #runWeight = 1;

  constructor(maxBytes: number, alphabet: Uint8Array) {
    this.#bytes = new Uint8Array(maxBytes);
    this.#front = alphabet.slice();
  }

  /** A digit of the run's length, which is written with digits one and two. */
  run(digit: 0 | 1): void {
    this.#runLength += this.#runWeight << digit;
    this.#runWeight *= 2;
    if (this.#runLength > this.#bytes.length) throw damaged('a block is longer than its level allows');
  }

  literal(place: number): void {
    if (this.#runLength > 0) this.#endRun();
    const front = this.#front;
    const byte = front[place] as number;
    front.copyWithin(1, 0, place);
    front[0] = byte;
    this.#put(byte, 1);
  }

  finish(): Uint8Array {
    if (this.#runLength > 0) this.#endRun();
    return this.#bytes.subarray(0, this.#length);
  }

  #endRun(): void {
    this.#put(this.#front[0] as number, this.#runLength);
    this.#runLength = 0;
    this.#runWeight = 1;
  }

  #put(byte: number, count: number): void {
    const end = this.#length + count;
    if (end > this.#bytes.length) throw damaged('a block is longer than its level allows');
    if (count === 1) this.#bytes[this.#length] = byte;
    else this.#bytes.fill(byte, this.#length, end);
    this.#length = end;
  }
}
