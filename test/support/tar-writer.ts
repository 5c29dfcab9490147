/**
 * A tar writer for tests that need archives no honest program makes. Fields are written as given; `raw` overrides any
 * of them in the header block, before the checksum.
 */
const BLOCK_BYTES = 512;

export const TYPE = {
  file: '0',
  hardLink: '1',
  symlink: '2',
  characterDevice: '3',
  blockDevice: '4',
  directory: '5',
  fifo: '6',
  pax: 'x',
  paxGlobal: 'g',
  longName: 'L',
  longLink: 'K',
  oldSparse: 'S',
} as const;

export interface TarEntry {
  readonly name: string;
  readonly type?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly link?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly data?: string | Uint8Array;
  /** The size in the header when it is to differ from the data's. */
  readonly size?: number | bigint;
  readonly magic?: 'ustar' | 'gnu' | 'none';
  readonly prefix?: string;
  readonly pax?: readonly (readonly [key: string, value: string | Uint8Array])[];
  readonly raw?: readonly { readonly at: number; readonly bytes: string | Uint8Array }[];
  readonly badChecksum?: boolean;
}

/** A whole archive with its two zero blocks. */
export function tarArchive(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.map(tarEntry), Buffer.alloc(2 * BLOCK_BYTES)]);
}

/** One entry with its pax header, data and padding. */
export function tarEntry(entry: TarEntry): Buffer {
  const data = Buffer.from(entry.data ?? '');
  const parts = [headerBlock(entry, data.length), padded(data)];
  if (entry.pax !== undefined) {
    const body = Buffer.concat(entry.pax.map(([key, value]) => paxRecord(key, value)));
    parts.unshift(tarEntry({ name: 'PaxHeaders/0', type: TYPE.pax, data: body }));
  }
  return Buffer.concat(parts);
}

/** `COUNT KEY=VALUE\n`, where COUNT counts itself. */
export function paxRecord(key: string, value: string | Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
  let count = rest.length + 1;
  while (count !== rest.length + String(count).length) count = rest.length + String(count).length;
  return Buffer.concat([Buffer.from(String(count)), rest]);
}

/** A number in GNU's base 256, for fields that octal digits cannot say. */
export function base256(value: number | bigint, width: number): Buffer {
  const field = Buffer.alloc(width);
  let rest = BigInt.asUintN(width * 8, BigInt(value));
  for (let at = width - 1; at >= 0; at -= 1) {
    field[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  field[0] = (field[0] ?? 0) | 0x80;
  return field;
}

function headerBlock(entry: TarEntry, dataBytes: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(entry.name, 0, 100);
  number(block, { at: 100, width: 8 }, entry.mode ?? 0o644);
  number(block, { at: 108, width: 8 }, entry.uid ?? 0);
  number(block, { at: 116, width: 8 }, entry.gid ?? 0);
  number(block, { at: 124, width: 12 }, entry.size ?? dataBytes);
  number(block, { at: 136, width: 12 }, entry.mtime ?? 1_600_000_000);
  block.write(entry.type ?? TYPE.file, 156, 1);
  block.write(entry.link ?? '', 157, 100);
  if (entry.magic !== 'none') block.write(entry.magic === 'gnu' ? 'ustar  \0' : 'ustar\x0000', 257, 'latin1');
  number(block, { at: 329, width: 8 }, entry.major ?? 0);
  number(block, { at: 337, width: 8 }, entry.minor ?? 0);
  block.write(entry.prefix ?? '', 345, 155);
  for (const { at, bytes } of entry.raw ?? []) Buffer.from(bytes).copy(block, at);
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, entry.badChecksum === true ? 1 : 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function number(block: Buffer, field: { at: number; width: number }, value: number | bigint): void {
  const digits = value.toString(8);
  const fits = value >= 0 && digits.length < field.width;
  if (fits) block.write(digits.padStart(field.width - 1, '0'), field.at, 'latin1');
  else base256(value, field.width).copy(block, field.at);
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((BLOCK_BYTES - (data.length % BLOCK_BYTES)) % BLOCK_BYTES)]);
}
