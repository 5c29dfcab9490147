import type { Refuse } from '../json-fields.ts';

export const TAR_BLOCK_BYTES = 512;

/** One header block of a tar file (POSIX.1-1988 ustar, GNU's numbers). */
export interface TarHeader {
  /** As the block says it, prefix included. */
  readonly name: string;
  readonly linkName: string;
  /** `0` for a regular file, whatever the block has for one. */
  readonly type: string;
  readonly sizeBytes: number;
}

/** What extended headers say of the member that follows; it counts more than the member's own block. */
export type TarAttributes = ReadonlyMap<string, string>;

export function isEndBlock(block: Uint8Array): boolean {
  return block.every((byte) => byte === 0);
}

export function parseTarHeader(block: Uint8Array, refuse: Refuse): TarHeader {
  checkSum(block, refuse);
  const typeByte = block[156] ?? 0;
  const type = typeByte === 0 || typeByte === 0x37 ? '0' : String.fromCharCode(typeByte);
  const name = textOf(block.subarray(0, 100));
  const prefix = textOf(block.subarray(257, 263)) === 'ustar' ? textOf(block.subarray(345, 500)) : '';
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkName: textOf(block.subarray(157, 257)),
    type,
    // Links, devices and directories have no content, whatever some writers say.
    sizeBytes: '123456'.includes(type) ? 0 : number(block, { start: 124, length: 12 }, refuse),
  };
}

/** Bytes of a member with what fills its last block. */
export function paddedBytes(sizeBytes: number): number {
  return Math.ceil(sizeBytes / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES;
}

/** Reads the records of a pax extended header: `LENGTH KEY=VALUE\n`. */
export function parsePax(content: Uint8Array, refuse: Refuse): TarAttributes {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const attributes = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(bytes.toString('latin1', at, space));
    if (!Number.isSafeInteger(length) || length <= space - at || at + length > bytes.length) {
      return refuse('an extended header that is malformed');
    }
    const record = bytes.toString('utf8', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    if (equals < 1) return refuse('an extended header that is malformed');
    attributes.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return attributes;
}

/** GNU's long name: a text that a NUL may end. */
export function longName(content: Uint8Array): string {
  return textOf(content);
}

/** A path of a member without what means nothing at its beginning. */
export function memberPath(name: string): string {
  return name.replace(/^(?:\.?\/+)+/, '');
}

function checkSum(block: Uint8Array, refuse: Refuse): void {
  let sum = 0;
  for (let i = 0; i < TAR_BLOCK_BYTES; i++) sum += i >= 148 && i < 156 ? 0x20 : (block[i] ?? 0);
  if (number(block, { start: 148, length: 8 }, refuse) !== sum) refuse('a header with a wrong checksum');
}

function number(
  block: Uint8Array,
  { start, length }: { readonly start: number; readonly length: number },
  refuse: Refuse,
): number {
  const field = block.subarray(start, start + length);
  if (((field[0] ?? 0) & 0x80) !== 0) return binary(field, refuse);
  const text = textOf(field).trim();
  if (!/^[0-7]+$/.test(text)) refuse('a header without a number where one must be');
  return Number.parseInt(text, 8);
}

/** GNU's way to write numbers that do not fit in octal: big-endian, with the top bit of the first byte set. */
function binary(field: Uint8Array, refuse: Refuse): number {
  let value = (field[0] ?? 0) & 0x7f;
  for (const byte of field.subarray(1)) value = value * 256 + byte;
  if (!Number.isSafeInteger(value)) refuse('a member of an impossible size');
  return value;
}

function textOf(field: Uint8Array): string {
  const end = field.indexOf(0);
  return Buffer.from(end < 0 ? field : field.subarray(0, end)).toString('utf8');
}
