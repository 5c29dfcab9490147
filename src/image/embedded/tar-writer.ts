/** A regular file or a directory in a layer of our own making. */
export interface TarEntry {
  /** Relative, at most 100 bytes; a directory's ends with a slash. */
  readonly path: string;
  readonly mode: number;
  /** Absent for a directory. */
  readonly content?: Uint8Array;
}

const BLOCK = 512;
const MAX_OCTAL_SIZE = 8 ** 11;

/** A tar file (POSIX ustar) that depends on its entries only: owner 0, time 0. */
export function writeTar(entries: readonly TarEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    const content = entry.content ?? new Uint8Array(0);
    parts.push(tarHeader(entry, content.length), content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK));
  }
  parts.push(Buffer.alloc(2 * BLOCK));
  return Buffer.concat(parts);
}

/** The header block of a member; one without `content` is a directory. */
export function tarHeader(entry: TarEntry, size: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, digits: number): void => {
    block.write(`${value.toString(8).padStart(digits, '0')}\0`, offset, 'ascii');
  };
  block.write(entry.path, 0, 100, 'utf8');
  octal(entry.mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  if (size < MAX_OCTAL_SIZE) octal(size, 124, 11);
  else block.writeBigUInt64BE(BigInt(size), 128); // GNU's way: big-endian, with the top bit of the field set
  if (size >= MAX_OCTAL_SIZE) block[124] = 0x80;
  octal(0, 136, 11);
  block.write('        ', 148, 'ascii');
  block.write(entry.content === undefined ? '5' : '0', 156, 'ascii');
  block.write('ustar\x0000', 257, 'ascii');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'ascii');
  return block;
}
