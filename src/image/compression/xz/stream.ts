import { crc32 } from 'node:zlib';
import { type ByteQueue, type Decoding, needed } from '../byte-queue.ts';
import { checkWindow, damaged, unsupported } from '../errors.ts';
import { type Check, checkOf, readU32 } from './check.ts';
import { dictionaryBytes, lzma2 } from './lzma2.ts';

/** The .xz file format 1.2.1. */
const MAGIC = Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00);
const HEADER_BYTES = 12;
const FILTER_LZMA2 = 0x21;
const CUT_SHORT = 'it ends before its index does';

/** What the index has to say of a block again. */
interface BlockRecord {
  readonly unpaddedBytes: number;
  readonly bytes: number;
}

/** A reader of the fields of one header, which counts what it read. */
class Fields {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw damaged('a header is too short');
    return byte;
  }

  /** §1.2: seven bits a byte, the lowest first. */
  number(): number {
    let number = 0;
    for (let place = 0; place < 9; place++) {
      const byte = this.byte();
      number += (byte & 0x7f) * 2 ** (7 * place);
      if ((byte & 0x80) === 0) {
        if (byte === 0 && place > 0) throw damaged('a number is longer than it has to be');
        return number;
      }
    }
    throw damaged('a number is too long');
  }
}

/**
 * Decodes .xz: streams in a row, padding between them, every block checked.
 *
 * @param maxDictionaryBytes what a block may ask for
 * @throws {DecodeError} also for filters besides LZMA2, which only `xz` with options of its own writes
 */
export function* unxz(input: ByteQueue, maxDictionaryBytes: number): Decoding {
  do {
    yield* stream(input, maxDictionaryBytes);
  } while (yield* anotherStream(input));
}

function* stream(input: ByteQueue, maxDictionaryBytes: number): Decoding {
  const header = yield* bytes(input, HEADER_BYTES);
  if (!MAGIC.every((byte, at) => header[at] === byte)) throw damaged('a stream does not begin as one');
  const flags = header.slice(6, 8);
  if (crc32(flags) !== readU32(header, 8)) throw damaged('the sum of a stream header is wrong');
  const [reserved, checkId] = flags as unknown as [number, number];
  if (reserved !== 0 || checkId > 15) throw unsupported('flags that are not known');
  const records: BlockRecord[] = [];
  for (;;) {
    const [size] = (yield* bytes(input, 1)) as unknown as [number];
    if (size === 0) break;
    records.push(yield* block(input, { size, maxDictionaryBytes, check: checkOf(checkId) }));
  }
  const indexBytes = yield* index(input, records);
  yield* footer(input, flags, indexBytes);
}

function* block(
  input: ByteQueue,
  how: { readonly size: number; readonly maxDictionaryBytes: number; readonly check: Check },
): Generator<'more' | 'pause' | Uint8Array, BlockRecord, undefined> {
  const { check, size } = how;
  const header = Uint8Array.of(size, ...(yield* bytes(input, size * 4 + 3)));
  const described = describeBlock(header);
  checkWindow(described.dictionaryBytes, how.maxDictionaryBytes);
  const before = input.taken;
  let outputBytes = 0;
  for (const piece of lzma2(input, described.dictionaryBytes)) {
    if (typeof piece !== 'string') {
      outputBytes += piece.length;
      check.update(piece);
    }
    yield piece;
  }
  const packedBytes = input.taken - before;
  checkSize('compressed', described.packedBytes, packedBytes);
  checkSize('uncompressed', described.bytes, outputBytes);
  yield* zeros(input, (4 - (packedBytes % 4)) % 4);
  if (!check.matches(yield* bytes(input, check.bytes))) throw damaged('the sum of a block is wrong');
  return { unpaddedBytes: header.length + packedBytes + check.bytes, bytes: outputBytes };
}

/** §3.1. */
function describeBlock(header: Uint8Array): {
  readonly packedBytes: number | undefined;
  readonly bytes: number | undefined;
  readonly dictionaryBytes: number;
} {
  const end = header.length - 4;
  if (crc32(header.subarray(0, end)) !== readU32(header, end)) throw damaged('the sum of a block header is wrong');
  const fields = new Fields(header.subarray(1, end));
  const flags = fields.byte();
  if ((flags & 0x3c) !== 0) throw unsupported('flags that are not known');
  const packedBytes = (flags & 0x40) === 0 ? undefined : fields.number();
  const bytes = (flags & 0x80) === 0 ? undefined : fields.number();
  const filter = fields.number();
  if ((flags & 3) !== 0 || filter !== FILTER_LZMA2)
    throw unsupported(`filters besides LZMA2 (0x${filter.toString(16)})`);
  const dictionary = fields.number() === 1 ? dictionaryBytes(fields.byte()) : undefined;
  if (dictionary === undefined) throw damaged('a block has properties that LZMA2 does not have');
  if (header.subarray(1 + fields.at, end).some((byte) => byte !== 0)) throw unsupported('fields that are not known');
  return { packedBytes, bytes, dictionaryBytes: dictionary };
}

function checkSize(which: string, expected: number | undefined, actual: number): void {
  if (expected !== undefined && expected !== actual) {
    throw damaged(`a block should have ${expected} bytes ${which}, but has ${actual}`);
  }
}

/** §4, behind its first byte. @returns how long it is with its sum */
function* index(input: ByteQueue, records: readonly BlockRecord[]): Generator<'more', number, undefined> {
  const read: number[] = [0];
  const count = yield* indexNumber(input, read);
  if (count !== records.length) throw damaged(`the index has ${count} blocks, the stream ${records.length}`);
  for (const { unpaddedBytes, bytes: outputBytes } of records) {
    if ((yield* indexNumber(input, read)) !== unpaddedBytes || (yield* indexNumber(input, read)) !== outputBytes) {
      throw damaged('the index says something else than the blocks');
    }
  }
  const padding = (4 - (read.length % 4)) % 4;
  read.push(...(yield* zeros(input, padding)));
  if (crc32(Uint8Array.from(read)) !== readU32(yield* bytes(input, 4), 0))
    throw damaged('the sum of the index is wrong');
  return read.length + 4;
}

function* indexNumber(input: ByteQueue, read: number[]): Generator<'more', number, undefined> {
  const number: number[] = [];
  do {
    if (number.length === 9) throw damaged('a number is too long');
    number.push(...(yield* bytes(input, 1)));
  } while (((number.at(-1) as number) & 0x80) !== 0);
  read.push(...number);
  return new Fields(Uint8Array.from(number)).number();
}

/** §2.1.2. */
function* footer(input: ByteQueue, flags: Uint8Array, indexBytes: number): Generator<'more', void, undefined> {
  const end = yield* bytes(input, HEADER_BYTES);
  const isWhole = end[10] === 0x59 && end[11] === 0x5a && crc32(end.subarray(4, 10)) === readU32(end, 0);
  const agrees = end[8] === flags[0] && end[9] === flags[1] && (readU32(end, 4) + 1) * 4 === indexBytes;
  if (!isWhole || !agrees) throw damaged('a stream does not end as it began');
}

/** §2.2: padding goes by fours. */
function* anotherStream(input: ByteQueue): Generator<'more', boolean, undefined> {
  for (;;) {
    if (!(yield* needed(input, 1))) return false;
    if (input.bytes[input.at] !== 0) return true;
    yield* zeros(input, 4);
  }
}

function* zeros(input: ByteQueue, count: number): Generator<'more', Uint8Array, undefined> {
  const padding = yield* bytes(input, count);
  if (padding.some((byte) => byte !== 0)) throw damaged('padding is not zero');
  return padding;
}

function* bytes(input: ByteQueue, count: number): Generator<'more', Uint8Array, undefined> {
  if (!(yield* needed(input, count))) throw damaged(CUT_SHORT);
  return input.take(count);
}
