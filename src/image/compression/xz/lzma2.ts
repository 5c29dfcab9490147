import { type ByteQueue, type Decoding, needed } from '../byte-queue.ts';
import { damaged } from '../errors.ts';
import { Dictionary } from './dictionary.ts';
import { LzmaDecoder } from './lzma.ts';

/** Output in one go: some milliseconds of work. */
const PIECE_BYTES = 64 * 1024;

/** The .xz file format 1.2.1, §5.3.1. @returns `undefined` for a byte that is none */
export function dictionaryBytes(property: number): number | undefined {
  if (property > 40) return undefined;
  return property === 40 ? 2 ** 32 - 1 : (2 | (property & 1)) * 2 ** (Math.floor(property / 2) + 11);
}

/** What the chunk's first byte says of what goes before it. */
interface Resets {
  readonly dictionary: boolean;
  readonly properties: boolean;
  readonly state: boolean;
}

/** Decodes the chunks of a block up to their end. @throws {DecodeError} */
export function* lzma2(input: ByteQueue, sizeBytes: number): Decoding {
  const dictionary = new Dictionary(sizeBytes);
  const decoder = new LzmaDecoder(dictionary);
  let wants: Resets = { dictionary: true, properties: true, state: true };
  for (;;) {
    if (!(yield* needed(input, 1))) throw damaged('it ends inside a block');
    const [control] = input.take(1) as unknown as [number];
    if (control === 0) return;
    if (control > 2 && control < 0x80) throw damaged(`a chunk begins with ${control}`);
    const resets = resetsOf(control);
    if (wants.dictionary && !resets.dictionary) throw damaged('the first chunk does not begin a dictionary');
    if (resets.dictionary) {
      dictionary.reset();
      decoder.resetPosition();
    }
    if (control < 0x80) {
      yield* plainChunk(input, dictionary, decoder);
      wants = { ...wants, dictionary: false };
      continue;
    }
    if ((wants.properties && !resets.properties) || (wants.state && !resets.state)) {
      throw damaged('a chunk goes on from nothing');
    }
    yield* packedChunk(input, { control, resets, dictionary, decoder });
    wants = { dictionary: false, properties: false, state: false };
  }
}

function resetsOf(control: number): Resets {
  if (control < 0x80) return { dictionary: control === 1, properties: false, state: false };
  const level = (control >> 5) & 3;
  return { dictionary: level === 3, properties: level >= 2, state: level >= 1 };
}

function* plainChunk(input: ByteQueue, dictionary: Dictionary, decoder: LzmaDecoder): Decoding {
  if (!(yield* needed(input, 2))) throw damaged('it ends inside a block');
  let left = readU16(input.take(2)) + 1;
  while (left > 0) {
    if (!(yield* needed(input, 1))) throw damaged('it ends inside a block');
    const count = Math.min(left, input.available, dictionary.room());
    dictionary.append(input.take(count));
    decoder.passed(count);
    left -= count;
    yield dictionary.take();
  }
}

function* packedChunk(
  input: ByteQueue,
  chunk: {
    readonly control: number;
    readonly resets: Resets;
    readonly dictionary: Dictionary;
    readonly decoder: LzmaDecoder;
  },
): Decoding {
  const { control, resets, dictionary, decoder } = chunk;
  const headerBytes = resets.properties ? 5 : 4;
  if (!(yield* needed(input, headerBytes))) throw damaged('it ends inside a block');
  const header = input.take(headerBytes);
  let left = ((control & 0x1f) << 16) + readU16(header) + 1;
  const packedBytes = readU16(header.subarray(2)) + 1;
  if (resets.properties) decoder.setProperties(header[4] as number);
  if (resets.state) decoder.resetState();
  if (!(yield* needed(input, packedBytes))) throw damaged('it ends inside a block');
  decoder.range.begin(input.take(packedBytes));
  while (left > 0) {
    const count = Math.min(left, dictionary.room(), PIECE_BYTES);
    decoder.decode(count);
    if (decoder.range.isExhausted) throw damaged('a chunk is longer than it says');
    left -= count;
    yield dictionary.take();
  }
  if (decoder.isInMatch || !decoder.range.isAtEnd()) throw damaged('a chunk does not end where it should');
}

function readU16(bytes: Uint8Array): number {
  return ((bytes[0] as number) << 8) | (bytes[1] as number);
}
