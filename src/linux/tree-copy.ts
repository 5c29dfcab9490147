import type { Frame, HelperConnection } from '../base/effects.ts';
import { defineErrors, type EngineError } from '../model/error.ts';
import { CHANGES, type MessageName, type MessageValues, OWNERS } from '../model/wire.ts';
import { decodeMessage, encodeMessage, messageName } from '../model/wire-codec.ts';
import { errnoName, errnoShortName } from './errno.ts';

export const copyErrors = defineErrors('copy', {
  refused: {
    kind: 'internal',
    message: (d: { path: string; errno: string; meaning: string }) => `${d.path || '.'}: ${d.meaning}`,
  },
  cut: {
    kind: 'unavailable',
    message: () => 'the helper ended in the middle of a copy',
  },
  unexpected: {
    kind: 'internal',
    message: (d: { frame: string }) => `the helper answered ${d.frame} to who copies files`,
  },
});

/** Whose what is unpacked becomes; ids as the root's own users have them. */
export type Owners = Exclude<keyof typeof OWNERS, 'given'> | { readonly uid: number; readonly gid: number };

/** Where the files of a container are. */
export type CopyRoot =
  /** What this process sees, with its mounts and its users. */
  | { readonly kind: 'process'; readonly pid: number; readonly startTime: bigint }
  | { readonly kind: 'directory'; readonly path: string }
  /** `lower` top first; without `upper` nothing can be written. */
  | { readonly kind: 'overlay'; readonly lower: readonly string[]; readonly upper?: string; readonly work?: string };

/** What is at a path; a symlink is told as itself unless it was followed. */
export interface PathFacts {
  /** Permission bits and type, as stat(2) has them. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  /** Of a symlink, else empty. */
  readonly linkTarget: string;
}

export interface PackRequest {
  readonly path: string;
  /** Of the top in the archive; empty for what is in the directory. */
  readonly name: string;
  readonly followLink: boolean;
  /** Extended attributes go along: user ones, and capabilities of files. */
  readonly attributes: boolean;
}

export interface CopiedCount {
  readonly entries: number;
  /** Of the content of files. */
  readonly bytes: number;
}

/** Copies in and out of one root. All paths are resolved in it, whatever symlinks lie there. */
export interface TreeCopy {
  /** @throws {EngineError} `copy.refused`, with the errno among its details */
  lookAt(path: string, followLink: boolean): Promise<PathFacts>;
  /** A tar stream; it is whole when it ends without an error. @throws as `lookAt`, at the first chunk or later; `copy.cut` */
  pack(request: PackRequest): AsyncIterable<Uint8Array>;
  /** All of the root with all its attributes, and of what is mounted in it only the place. @throws as `pack` */
  packRoot(): AsyncIterable<Uint8Array>;
  /** Unpacks into a directory; nothing more can be asked afterwards. @throws as `lookAt`; what the source throws */
  unpack(
    target: { readonly path: string; readonly owners: Owners },
    source: AsyncIterable<Uint8Array>,
  ): Promise<CopiedCount>;
  close(): void;
}

/** A set of extended headers before one entry of an archive that somebody sends. */
const MAX_HEADER_BYTES = 1 << 20;

/**
 * Makes a fresh worker a copier of one root.
 *
 * @throws {EngineError} `copy.refused`: ESRCH when the process has ended
 */
export async function enterRoot(connection: HelperConnection, root: CopyRoot): Promise<TreeCopy> {
  expect(await ask(connection, encodeMessage('enterRoot', rootFields(root))), 'done');
  return {
    lookAt: (path, followLink) => lookAt(connection, path, followLink),
    pack: ({ path, name, followLink, attributes }) => {
      const fields = { path, name, follow: followLink ? 1 : 0, attributes: attributes ? 1 : 0 };
      return packed(connection, encodeMessage('packTree', fields));
    },
    packRoot: () => packed(connection, encodeMessage('packRoot', {})),
    unpack: async ({ path, owners }, source) => {
      const whose =
        typeof owners === 'string' ? { owners: OWNERS[owners], uid: 0, gid: 0 } : { ...owners, owners: OWNERS.given };
      const request = { path, maxHeaderBytes: MAX_HEADER_BYTES, ...whose };
      const frame = encodeMessage('unpackTree', request);
      await connection.send(frame.type, frame.payload);
      const { entries, bytes } = expect(await sendAll(connection, source), 'unpacked');
      return { entries: Number(entries), bytes: Number(bytes) };
    },
    close: () => connection.close(),
  };
}

/** What was written over layers. */
export interface WrittenTree {
  /** The upper directory of their overlay, or, where it is `whole`, a copy of all that they show. */
  readonly upper: string;
  readonly whole: boolean;
  /** A file with the file system that `upper` is on, below its root; absent: it is the host's. */
  readonly disk?: string | undefined;
  /** Which ids on disk are which of the container, as user namespaces are given them; absent: they are the same. */
  readonly maps?: { readonly uidMap: string; readonly gidMap: string } | undefined;
  /** Top first. */
  readonly lower: readonly string[];
}

/** Sees what was written over layers. */
export interface TreeChanges {
  /** What the layers have at a path, whatever was written over it. @throws {EngineError} `copy.refused` */
  lookAt(path: string, followLink: boolean): Promise<PathFacts>;
  /**
   * A tar stream with whiteouts, as a layer of an image is, or a list: `A`, `C` or `D`, a blank, the path and a NUL for each.
   *
   * @param without paths that are left out with all below them; no symlink is on their way
   * @throws as `TreeCopy.pack`; EXDEV for what another kind of mount than ours has written
   */
  pack(form: keyof typeof CHANGES, without: readonly string[]): AsyncIterable<Uint8Array>;
  close(): void;
}

/** Makes a fresh worker one that sees what was written. @throws {EngineError} `copy.refused` */
export async function enterChanges(connection: HelperConnection, written: WrittenTree): Promise<TreeChanges> {
  const { upper, lower, whole, disk = '', maps = { uidMap: '', gidMap: '' } } = written;
  const fields = { upper, lower, whole: whole ? 1 : 0, disk, ...maps };
  expect(await ask(connection, encodeMessage('enterWritten', fields)), 'done');
  return {
    lookAt: (path, followLink) => lookAt(connection, path, followLink),
    pack: (form, without) => {
      const relative = without.map((path) => path.replace(/^\/+/, ''));
      return packed(connection, encodeMessage('packChanges', { form: CHANGES[form], without: relative }));
    },
    close: () => connection.close(),
  };
}

function rootFields(root: CopyRoot): MessageValues<'enterRoot'> {
  const none = { pid: 0, startTime: 0, directory: '', lower: [], upper: '', work: '' };
  if (root.kind === 'process') return { ...none, pid: root.pid, startTime: root.startTime };
  if (root.kind === 'directory') return { ...none, directory: root.path };
  const { lower, upper = '', work = '' } = root;
  return { ...none, lower, upper, work };
}

async function lookAt(connection: HelperConnection, path: string, followLink: boolean): Promise<PathFacts> {
  const answer = await ask(connection, encodeMessage('lookAt', { path, follow: followLink ? 1 : 0 }));
  const { mode, uid, gid, size, mtime, link } = expect(answer, 'pathIs');
  return {
    ...{ mode: Number(mode), uid: Number(uid), gid: Number(gid), sizeBytes: Number(size), linkTarget: link },
    mtimeNs: BigInt.asIntN(64, BigInt(mtime)),
  };
}

async function* packed(connection: HelperConnection, request: Frame): AsyncGenerator<Uint8Array> {
  await connection.send(request.type, request.payload);
  for (;;) {
    const answer = await answerOf(connection);
    if (messageName(answer) === 'treePacked') return;
    yield expect(answer, 'treePart').data;
  }
}

async function ask(connection: HelperConnection, frame: Frame): Promise<Frame> {
  await connection.send(frame.type, frame.payload);
  return answerOf(connection);
}

async function answerOf(connection: HelperConnection): Promise<Frame> {
  const answer = await connection.receive();
  if (answer === undefined) throw copyErrors.cut();
  return answer;
}

function expect<Name extends MessageName>(answer: Frame, name: Name): MessageValues<Name> {
  if (messageName(answer) === 'failed') throw refusal(decodeMessage('failed', answer));
  if (messageName(answer) !== name) throw copyErrors.unexpected({ frame: messageName(answer) ?? `${answer.type}` });
  return decodeMessage(name, answer);
}

function refusal({ errno, detail }: MessageValues<'failed'>): EngineError {
  const number = Number(errno);
  return copyErrors.refused({ path: detail, errno: errnoShortName(number), meaning: errnoName(number) });
}

/** The answer may come before the source has ended: what is refused need not be read to its end. */
async function sendAll(connection: HelperConnection, source: AsyncIterable<Uint8Array>): Promise<Frame> {
  let isOver = false;
  const answered = answerOf(connection).finally(() => {
    isOver = true;
  });
  const over = answered.then(
    () => {},
    () => {},
  );
  const parts = source[Symbol.asyncIterator]();
  try {
    while (!isOver) {
      const part = await Promise.race([parts.next(), over]);
      if (part === undefined || part.done === true) break;
      await Promise.race([connection.sendRaw(part.value).catch(() => over), over]);
    }
  } finally {
    // Not awaited: one that waits for its next part comes to it after that.
    parts.return?.().catch(() => {});
  }
  if (!isOver) connection.end();
  return answered;
}
