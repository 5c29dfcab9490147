import type { ByteQueue, Decoding } from './byte-queue.ts';
import { BitReader } from './bzip2-bits.ts';
import { readBlock } from './bzip2-block.ts';
import { transformed } from './bzip2-transform.ts';
import { damaged } from './errors.ts';

/** `BZh` */
const MAGIC = 0x425a68;
const BLOCK_HIGH = 0x314159;
const BLOCK_LOW = 0x265359;
const END_HIGH = 0x177245;
const END_LOW = 0x385090;
const BLOCK_BYTES_PER_LEVEL = 100_000;

/** Decodes bzip2, streams in a row included, every block checked. @throws {DecodeError} */
export function* bunzip2(input: ByteQueue): Decoding {
  const bits = new BitReader(input);
  do {
    yield* stream(bits);
    bits.align();
  } while (yield* bits.isThere());
}

function* stream(bits: BitReader): Decoding {
  if ((yield* bits.read(24)) !== MAGIC) throw damaged('a stream does not begin with BZh');
  const level = (yield* bits.read(8)) - 0x30;
  if (level < 1 || level > 9) throw damaged('a stream has no level');
  let combined = 0;
  for (;;) {
    const high = yield* bits.read(24);
    const low = yield* bits.read(24);
    const sum = yield* bits.readU32();
    if (high === END_HIGH && low === END_LOW) {
      if (sum !== combined) throw damaged('the sum of a stream is wrong');
      return;
    }
    if (high !== BLOCK_HIGH || low !== BLOCK_LOW) throw damaged('a block does not begin as one');
    const block = yield* readBlock(bits, level * BLOCK_BYTES_PER_LEVEL);
    const actual = yield* transformed(block);
    if (actual !== sum) throw damaged('the sum of a block is wrong');
    combined = (((combined << 1) | (combined >>> 31)) ^ sum) >>> 0;
  }
}
