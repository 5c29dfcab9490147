/** How bytes are compressed; `none` for anything that no magic number names. */
export type CompressionFormat = 'none' | 'gzip' | 'zstd' | 'xz' | 'bzip2';

/** As many bytes as it takes to tell: a header of tar. A shorter input is judged by what it has. */
export const HEAD_BYTES = 512;

interface Signature {
  readonly format: CompressionFormat;
  /** A byte each, or the first and last of a range. */
  readonly bytes: readonly (number | readonly [from: number, to: number])[];
}

const SIGNATURES: readonly Signature[] = [
  // RFC 1952 §2.3.1; method 8 is the only one there is.
  { format: 'gzip', bytes: [0x1f, 0x8b, 0x08] },
  // RFC 8878 §3.1.1, and §3.1.2 for a skippable frame before the first one.
  { format: 'zstd', bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { format: 'zstd', bytes: [[0x50, 0x5f], 0x2a, 0x4d, 0x18] },
  // The .xz file format 1.2.1, §2.1.1.1.
  { format: 'xz', bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  // `BZh`, the level, and the mark of a first block or of the end: a tar may begin with a file named `BZh1`.
  { format: 'bzip2', bytes: [0x42, 0x5a, 0x68, [0x31, 0x39], 0x31, 0x41, 0x59, 0x26, 0x53, 0x59] },
  { format: 'bzip2', bytes: [0x42, 0x5a, 0x68, [0x31, 0x39], 0x17, 0x72, 0x45, 0x38, 0x50, 0x90] },
];

/** What these first bytes of a stream say of the rest. */
export function formatOf(head: Uint8Array): CompressionFormat {
  return SIGNATURES.find(({ bytes }) => bytes.every((wanted, at) => matches(wanted, head[at])))?.format ?? 'none';
}

function matches(wanted: Signature['bytes'][number], actual: number | undefined): boolean {
  if (actual === undefined) return false;
  return typeof wanted === 'number' ? actual === wanted : actual >= wanted[0] && actual <= wanted[1];
}
