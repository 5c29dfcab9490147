import type { Files } from '../../base/effects.ts';
import { defineErrors } from '../../model/error.ts';

/** Where a regular file's bytes are in a tar file. */
export interface TarMember {
  readonly offset: number;
  readonly sizeBytes: number;
}

export const tarIndexErrors = defineErrors('archive', {
  malformed: {
    kind: 'data-loss',
    message: (d: { file: string; offset: number; reason: string }) =>
      `archive ${d.file} is not a tar file: ${d.reason} at byte ${d.offset}`,
    remedy: () => 'a compressed archive must be uncompressed first',
  },
  tooManyMembers: {
    kind: 'resource-exhausted',
    message: (d: { file: string; limit: number }) => `archive ${d.file} has more than ${d.limit} members`,
  },
});

const BLOCK = 512;
const MAX_MEMBERS = 20_000;
const REGULAR_TYPES = new Set(['0', '\0', '7']);

/**
 * Finds the regular files of an uncompressed tar file (POSIX.1-1988 ustar, as image tools write layouts: their names are
 * short). Members of other kinds are passed over; of two with one name the last one counts.
 *
 * @returns members by path, without a leading `./`
 * @throws {EngineError} `archive.malformed` (data-loss), `archive.tooManyMembers` (resource-exhausted)
 */
export async function readTarIndex(files: Files, file: string): Promise<ReadonlyMap<string, TarMember>> {
  const { sizeBytes: end } = await files.status(file);
  const members = new Map<string, TarMember>();
  let offset = 0;
  for (let seen = 0; offset + BLOCK <= end; seen++) {
    if (seen >= MAX_MEMBERS) throw tarIndexErrors.tooManyMembers({ file, limit: MAX_MEMBERS });
    const header = await readBlock(files, file, offset);
    if (header.every((byte) => byte === 0)) return members;
    const refuse = (reason: string): never => {
      throw tarIndexErrors.malformed({ file, offset, reason });
    };
    checkSum(header, refuse);
    const sizeBytes = octal(header, 124, 12, refuse);
    const dataOffset = offset + BLOCK;
    if (sizeBytes > end - dataOffset) refuse(`a member of ${sizeBytes} bytes reaches beyond the end`);
    if (REGULAR_TYPES.has(String.fromCharCode(header[156] ?? 0))) {
      members.set(nameOf(header), { offset: dataOffset, sizeBytes });
    }
    offset = dataOffset + Math.ceil(sizeBytes / BLOCK) * BLOCK;
  }
  if (offset === 0) throw tarIndexErrors.malformed({ file, offset, reason: 'no header' });
  return members;
}

async function readBlock(files: Files, file: string, offset: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of files.readStream(file, { start: offset, end: offset + BLOCK })) chunks.push(chunk);
  const block = Buffer.concat(chunks);
  if (block.length < BLOCK) throw tarIndexErrors.malformed({ file, offset, reason: 'the file ends within a header' });
  return block;
}

function checkSum(header: Uint8Array, refuse: (reason: string) => never): void {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 0x20 : (header[i] ?? 0);
  if (octal(header, 148, 8, refuse) !== sum) refuse('a header with a wrong checksum');
}

function octal(header: Uint8Array, start: number, length: number, refuse: (reason: string) => never): number {
  const field = header.subarray(start, start + length);
  if (((field[0] ?? 0) & 0x80) !== 0) return binary(field, refuse);
  const text = textOf(field).trim();
  if (!/^[0-7]+$/.test(text)) refuse('a header without a number where one must be');
  return Number.parseInt(text, 8);
}

/** GNU's way to write numbers that do not fit in octal: big-endian, with the top bit of the first byte set. */
function binary(field: Uint8Array, refuse: (reason: string) => never): number {
  let value = (field[0] ?? 0) & 0x7f;
  for (const byte of field.subarray(1)) value = value * 256 + byte;
  if (!Number.isSafeInteger(value)) refuse('a member of an impossible size');
  return value;
}

function nameOf(header: Uint8Array): string {
  const name = textOf(header.subarray(0, 100));
  const prefix = textOf(header.subarray(257, 263)) === 'ustar' ? textOf(header.subarray(345, 500)) : '';
  return (prefix === '' ? name : `${prefix}/${name}`).replace(/^(?:\.?\/+)+/, '');
}

function textOf(field: Uint8Array): string {
  const end = field.indexOf(0);
  return Buffer.from(end < 0 ? field : field.subarray(0, end)).toString('utf8');
}
