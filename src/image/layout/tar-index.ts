import { posix } from 'node:path';
import type { Files } from '../../base/effects.ts';
import { defineErrors } from '../../model/error.ts';
import {
  isEndBlock,
  longName,
  memberPath,
  paddedBytes,
  parsePax,
  parseTarHeader,
  TAR_BLOCK_BYTES,
} from '../archive/tar-header.ts';

/** Where a regular file's bytes are in a tar file. */
export interface TarMember {
  readonly offset: number;
  readonly sizeBytes: number;
}

export const tarIndexErrors = defineErrors('archive', {
  malformed: {
    kind: 'data-loss',
    message: (d: { file: string; offset: number; reason: string }) =>
      `${d.file} is not a tar file, or not a whole one: ${d.reason} at byte ${d.offset}`,
    remedy: () => 'look at what it holds (file, tar -t), and have it written again where it is cut short',
  },
  tooManyMembers: {
    kind: 'resource-exhausted',
    message: (d: { file: string; limit: number }) => `archive ${d.file} has more than ${d.limit} members`,
  },
});

const MAX_MEMBERS = 20_000;
const MAX_NAME_BYTES = 64 * 1024;
/** Of links that lead to links; docker makes one of each layer that it has written before. */
const MAX_LINKS = 16;

/**
 * Finds the regular files of an uncompressed tar file, also by the symlinks and hard links in it. Members of other kinds
 * are passed over; of two with one name the last one counts.
 *
 * @param shownAs what errors call it; default its path
 * @returns members by path, without a leading `./`
 * @throws {EngineError} `archive.malformed` (data-loss), `archive.tooManyMembers` (resource-exhausted)
 */
export async function readTarIndex(
  files: Files,
  file: string,
  shownAs = file,
): Promise<ReadonlyMap<string, TarMember>> {
  const members = new Map<string, TarMember>();
  const links = new Map<string, string>();
  for await (const { path, type, linkPath, ...member } of scan(files, file, shownAs)) {
    members.delete(path);
    links.delete(path);
    if (type === '0') members.set(path, member);
    if (type === '1') links.set(path, memberPath(linkPath));
    if (type === '2') links.set(path, posix.join(posix.dirname(path), linkPath));
  }
  for (const path of links.keys()) {
    let end = path;
    for (let steps = 0; links.has(end) && steps < MAX_LINKS; steps++) end = links.get(end) ?? end;
    const member = members.get(end);
    if (member !== undefined) members.set(path, member);
  }
  return members;
}

interface ScannedMember extends TarMember {
  readonly path: string;
  readonly linkPath: string;
  readonly type: string;
}

async function* scan(files: Files, file: string, shownAs: string): AsyncGenerator<ScannedMember, void, undefined> {
  const { sizeBytes: end } = await files.status(file);
  let offset = 0;
  let said = new Map<string, string>();
  for (let seen = 0; offset + TAR_BLOCK_BYTES <= end; seen++) {
    if (seen >= MAX_MEMBERS) throw tarIndexErrors.tooManyMembers({ file: shownAs, limit: MAX_MEMBERS });
    const refuse = (reason: string): never => {
      throw tarIndexErrors.malformed({ file: shownAs, offset, reason });
    };
    const block = await readRange(files, file, { offset, sizeBytes: TAR_BLOCK_BYTES });
    if (block.length < TAR_BLOCK_BYTES) refuse('the file ends within a header');
    if (isEndBlock(block)) return;
    const header = parseTarHeader(block, refuse);
    const data = offset + TAR_BLOCK_BYTES;
    const sizeBytes = header.type === '0' && said.has('size') ? Number(said.get('size')) : header.sizeBytes;
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0 || sizeBytes > end - data) {
      refuse(`a member of ${sizeBytes} bytes reaches beyond the end`);
    }
    if ('xKL'.includes(header.type)) {
      if (sizeBytes > MAX_NAME_BYTES) refuse(`an extended header of ${sizeBytes} bytes`);
      const content = await readRange(files, file, { offset: data, sizeBytes });
      if (header.type === 'x') for (const [key, value] of parsePax(content, refuse)) said.set(key, value);
      else said.set(header.type === 'K' ? 'linkpath' : 'path', longName(content));
    } else if (header.type !== 'g') {
      const path = memberPath(said.get('path') ?? header.name);
      yield { path, linkPath: said.get('linkpath') ?? header.linkName, type: header.type, offset: data, sizeBytes };
      said = new Map();
    }
    offset = data + paddedBytes(sizeBytes);
  }
  if (offset === 0) throw tarIndexErrors.malformed({ file: shownAs, offset, reason: 'no header' });
}

async function readRange(files: Files, file: string, { offset, sizeBytes }: TarMember): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of files.readStream(file, { start: offset, end: offset + sizeBytes })) chunks.push(chunk);
  return Buffer.concat(chunks);
}
