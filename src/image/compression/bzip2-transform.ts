import type { Block } from './bzip2-block.ts';

const PIECE_BYTES = 64 * 1024;
/** After this many equal bytes comes a count of more of them. */
const RUN_START = 4;

/** Undoes the sorting of a block and the runs below it. @returns the sum of what came out, as bzip2 has it */
export function* transformed({ column, origin }: Block): Generator<Uint8Array, number, undefined> {
  const next = successors(column);
  const table = crcTable();
  let row = next[origin] as number;
  let crc = -1;
  let [last, repeated] = [-1, 0];
  // Room for a whole run behind the last byte of a piece.
  let piece = new Uint8Array(PIECE_BYTES + 256);
  let length = 0;
  for (let left = column.length; left > 0; left--) {
    const byte = column[row] as number;
    row = next[row] as number;
    let count = 1;
    let value = byte;
    if (repeated === RUN_START) {
      [count, value, repeated] = [byte, last, 0];
      last = -1;
    } else {
      repeated = byte === last ? repeated + 1 : 1;
      last = byte;
    }
    for (; count > 0; count--) {
      piece[length++] = value;
      crc = (crc << 8) ^ (table[((crc >>> 24) ^ value) & 255] as number);
    }
    if (length < PIECE_BYTES) continue;
    yield piece.subarray(0, length);
    piece = new Uint8Array(PIECE_BYTES + 256);
    length = 0;
  }
  if (length > 0) yield piece.subarray(0, length);
  return ~crc >>> 0;
}

/** For each row, the row whose text begins one byte later. */
function successors(column: Uint8Array): Uint32Array {
  const starts = new Uint32Array(256);
  for (const byte of column) starts[byte] = (starts[byte] as number) + 1;
  let sum = 0;
  for (let byte = 0; byte < 256; byte++) {
    const count = starts[byte] as number;
    starts[byte] = sum;
    sum += count;
  }
  const next = new Uint32Array(column.length);
  for (let row = 0; row < column.length; row++) {
    const byte = column[row] as number;
    const place = starts[byte] as number;
    starts[byte] = place + 1;
    next[place] = row;
  }
  return next;
}

/** CRC-32 with the highest bit first, unlike that of gzip. */
function crcTable(): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
    return crc;
  });
}
