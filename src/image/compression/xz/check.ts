import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { unsupported } from '../errors.ts';

/** The sum at the end of a block, over what the block decompresses to. */
export interface Check {
  readonly bytes: number;
  update(chunk: Uint8Array): void;
  matches(stored: Uint8Array): boolean;
}

/** The .xz file format 1.2.1, §2.1.1.2. @throws {DecodeError} for an id that stands for nothing we know */
export function checkOf(id: number): Check {
  switch (id) {
    case 0:
      return { bytes: 0, update: () => {}, matches: () => true };
    case 1:
      return crc32Check();
    case 4:
      return crc64Check();
    case 10:
      return sha256Check();
    default:
      throw unsupported(`a check of type ${id}`);
  }
}

function crc32Check(): Check {
  let sum = 0;
  return {
    bytes: 4,
    update: (chunk) => {
      sum = crc32(chunk, sum);
    },
    matches: (stored) => readU32(stored, 0) === sum,
  };
}

function sha256Check(): Check {
  const hash = createHash('sha256');
  return { bytes: 32, update: (chunk) => hash.update(chunk), matches: (stored) => hash.digest().equals(stored) };
}

/** ECMA-182, reflected, in two halves: 64-bit integers are slow here. */
function crc64Check(): Check {
  const { low: lows, high: highs } = crc64Table();
  let low = 0xffffffff | 0;
  let high = 0xffffffff | 0;
  return {
    bytes: 8,
    update: (chunk) => {
      let [l, h] = [low, high];
      for (let at = 0; at < chunk.length; at++) {
        const index = (l ^ (chunk[at] as number)) & 255;
        l = ((l >>> 8) | (h << 24)) ^ (lows[index] as number);
        h = (h >>> 8) ^ (highs[index] as number);
      }
      [low, high] = [l, h];
    },
    matches: (stored) => readU32(stored, 0) === ~low >>> 0 && readU32(stored, 4) === ~high >>> 0,
  };
}

function crc64Table(): { readonly low: Int32Array; readonly high: Int32Array } {
  const low = new Int32Array(256);
  const high = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let [l, h] = [byte, 0];
    for (let bit = 0; bit < 8; bit++) {
      const odd = (l & 1) !== 0;
      l = (l >>> 1) | (h << 31);
      h >>>= 1;
      if (odd) {
        l ^= 0xd7870f42;
        h ^= 0xc96c5795;
      }
    }
    low[byte] = l;
    high[byte] = h;
  }
  return { low, high };
}

/** A little-endian number of 32 bits. */
export function readU32(bytes: Uint8Array, at: number): number {
  const [a, b, c, d] = bytes.subarray(at, at + 4) as unknown as [number, number, number, number];
  return ((d << 24) | (c << 16) | (b << 8) | a) >>> 0;
}
