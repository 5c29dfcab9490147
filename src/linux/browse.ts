import type { Frame } from '../base/effects.ts';
import { defineErrors, type EngineError } from '../model/error.ts';
import type { MessageValues } from '../model/wire.ts';
import { decodeMessage, encodeMessage, messageName } from '../model/wire-codec.ts';
import { errnoName, errnoShortName } from './errno.ts';

export const browseErrors = defineErrors('browse', {
  refused: {
    kind: 'internal',
    message: (d: { path: string; errno: string; meaning: string }) => `${d.path || '.'} cannot be read: ${d.meaning}`,
  },
  unexpected: {
    kind: 'internal',
    message: (d: { frame: string }) => `the helper answered ${d.frame} to who reads files`,
  },
});

/** An entry of a directory; of a symlink all is told of itself. */
export interface FileEntry {
  /** What is not UTF-8 in it is replaced. */
  readonly name: string;
  /** Permission bits and type, as stat(2) has them. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
}

export interface FileListing {
  /** In the order of their names. */
  readonly entries: readonly FileEntry[];
  /** Whether these are all. */
  readonly isComplete: boolean;
}

export interface FilePart {
  /** Of the whole file. */
  readonly sizeBytes: number;
  readonly data: Uint8Array;
}

export interface FileRange {
  readonly offset: number;
  /** At most `MAX_FILE_PART_BYTES`. */
  readonly length: number;
}

/**
 * Looks at what is below a directory of the host that a container writes into. `path` is relative to it; nothing leads
 * out of it.
 *
 * @throws {EngineError} `browse.refused`, with the errno among its details
 */
export interface Browser {
  listFiles(directory: string, path: string): Promise<FileListing>;
  readFile(directory: string, path: string, range: FileRange): Promise<FilePart>;
}

/** @param request sends a frame to a worker and waits for its answer */
export function browserOf(request: (frame: Frame, during: string) => Promise<Frame>): Browser {
  return {
    listFiles: async (directory, path) => {
      const answer = await request(encodeMessage('listFiles', { directory, path }), 'list');
      const { more, entries } = expectAnswer(answer, 'fileList');
      return { entries: decodeEntries(entries), isComplete: more === 0n };
    },
    readFile: async (directory, path, { offset, length }) => {
      const answer = await request(encodeMessage('readFile', { directory, path, offset, length }), 'read');
      const { size, data } = expectAnswer(answer, 'filePart');
      return { sizeBytes: Number(size), data };
    },
  };
}

function expectAnswer<Name extends 'fileList' | 'filePart'>(answer: Frame, name: Name): MessageValues<Name> {
  if (messageName(answer) === 'failed') throw refusal(decodeMessage('failed', answer));
  if (messageName(answer) !== name) throw browseErrors.unexpected({ frame: messageName(answer) ?? `${answer.type}` });
  return decodeMessage(name, answer);
}

function refusal({ errno, detail }: MessageValues<'failed'>): EngineError {
  const number = Number(errno);
  return browseErrors.refused({ path: detail, errno: errnoShortName(number), meaning: errnoName(number) });
}

const HEADER_BYTES = 40;

/** What the helper lays out in native/browse.c. */
function decodeEntries(bytes: Uint8Array): readonly FileEntry[] {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: FileEntry[] = [];
  for (let at = 0; at < content.length; ) {
    const nameEnd = at + HEADER_BYTES + content.readUInt32LE(at + 12);
    entries.push({
      name: content.toString('utf8', at + HEADER_BYTES, nameEnd),
      mode: content.readUInt32LE(at),
      uid: content.readUInt32LE(at + 4),
      gid: content.readUInt32LE(at + 8),
      links: Number(content.readBigUInt64LE(at + 16)),
      sizeBytes: Number(content.readBigUInt64LE(at + 24)),
      mtimeNs: content.readBigInt64LE(at + 32),
    });
    at = nameEnd;
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}
