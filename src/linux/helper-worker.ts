import type { Effects, Frame, HelperConnection } from '../base/effects.ts';
import type { DiskMeasurement, DiskUse } from '../model/disk-quota.ts';
import { defineErrors, EngineError } from '../model/error.ts';
import { FAILURE_PHASE, MAX_READ_BYTES, type MessageValues, PROTOCOL_VERSION, type Step } from '../model/wire.ts';
import { decodeMessage, encodeMessage, messageName } from '../model/wire-codec.ts';
import { type Browser, browserOf } from './browse.ts';
import { ERRNO, errnoName } from './errno.ts';
import { decodeFileContents, type FileText } from './kernel-files.ts';
import { type PeerCredentials, peerCredentials } from './peer-credentials.ts';
import { type CopyRoot, enterChanges, enterRoot, type TreeCopy, type WrittenTree } from './tree-copy.ts';

export const workerErrors = defineErrors('helper-worker', {
  gone: {
    kind: 'unavailable',
    message: (d: { during: string }) => `the helper's worker ended during ${d.during}`,
  },
  version: {
    kind: 'failed-precondition',
    message: (d: { theirs: number; ours: number }) =>
      `the fork server speaks protocol version ${d.theirs}, this agent ${d.ours}`,
  },
  unexpected: {
    kind: 'internal',
    message: (d: { during: string; frame: string }) => `the helper answered ${d.frame} during ${d.during}`,
  },
  stepFailed: {
    kind: 'internal',
    message: (d: { by: string; step: string; detail: string; errno: number }) =>
      `${d.by}: step ${d.step} failed on ${d.detail || 'nothing named'}: ${errnoName(d.errno)}`,
  },
  diskFull: {
    kind: 'resource-exhausted',
    message: (d: { by: string; step: string; detail: string; errno: number }) =>
      `${d.by}: no space left on the device for ${d.detail || d.step}`,
    remedy: () =>
      'free some space: remove images that nobody uses with isopod rmi, or stopped containers with isopod rm',
  },
  tooDeep: {
    kind: 'resource-exhausted',
    message: (d: { path: string }) => `directories in ${d.path} are nested deeper than they are followed`,
  },
  unmeasurable: {
    kind: 'internal',
    message: (d: { path: string; errno: string }) =>
      `what the files in ${d.path} take on disk could not be counted: ${d.errno}`,
  },
  unpackFailed: {
    kind: 'data-loss',
    message: (d: { entry: string; errno: string }) =>
      `unpacking failed at ${d.entry || 'the archive itself'}: ${d.errno}`,
  },
  noPeer: {
    kind: 'unavailable',
    message: (d: { what: string; errno: string }) => `the other end of a socket is unknown: ${d.what}: ${d.errno}`,
  },
  notNotified: {
    kind: 'unavailable',
    message: (d: { socket: string; errno: string }) => `the service manager at ${d.socket} was not told: ${d.errno}`,
  },
  lockHeld: {
    kind: 'failed-precondition',
    message: (d: { path: string; holder: string }) => `${d.path} is locked by process ${d.holder || 'unknown'}`,
  },
});

/** Bounds of one unpacking; entries and bytes count what is written, header bytes one entry's extended headers. */
export interface UnpackOptions {
  readonly directory: string;
  /** A value of WHITEOUTS. */
  readonly whiteouts: number;
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly maxHeaderBytes: number;
}

/** A failed unpacking as the helper told it; the caller turns it into its own error. */
export interface UnpackFailure {
  readonly errno: number;
  readonly entry: string;
}

export type UnpackResult =
  | { readonly ok: true; readonly entries: number; readonly bytes: number }
  | { readonly ok: false; readonly failure: UnpackFailure };

/** One helper process that runs steps or a job for us, in the host's namespaces. */
export interface Worker extends Browser {
  readonly pid: number;
  /** Runs host steps in order. @throws {EngineError} `helper-worker.stepFailed` or `.diskFull` at the first that fails */
  run(steps: readonly Step[]): Promise<void>;
  /**
   * Reads small kernel files, each up to 64 KiB.
   *
   * @param paths absolute ones of directories, and behind each the names of files below it
   * @returns as many as the helper could answer with at once, at least two; the text of a directory is empty
   */
  readFiles(paths: readonly string[]): Promise<readonly FileText[]>;
  /** Unpacks a tar stream. The worker is used up afterwards. @throws what the source throws */
  unpack(options: UnpackOptions, source: AsyncIterable<Uint8Array>): Promise<UnpackResult>;
  /** Walks trees; the worker gives way to everybody from then on. @throws {EngineError} `helper-worker.unmeasurable`, `.tooDeep` (resource-exhausted) */
  measure(measurement: DiskMeasurement): Promise<DiskUse>;
  /** Who is at the other end of a unix socket of this process. @throws {EngineError} `helper-worker.noPeer` */
  peerOf(descriptor: number): Promise<PeerCredentials>;
  /**
   * Tells the service manager at this socket something, in our name or in that of the worker.
   *
   * @throws {EngineError} `helper-worker.notNotified`
   */
  notify(message: { readonly socket: string; readonly inOurName: boolean; readonly state: string }): Promise<void>;
  /** Goes into the root of a container; the worker is good for copies there alone from then on. @throws {EngineError} `copy.refused` */
  enterRoot(root: CopyRoot): Promise<TreeCopy>;
  /** Goes to what was written over layers; the worker is good for that alone from then on. @throws {EngineError} `copy.refused` */
  enterChanges(written: WrittenTree): ReturnType<typeof enterChanges>;
  /** Takes a lock that lives as long as this worker. @throws {EngineError} `helper-worker.lockHeld` */
  lock(path: string): Promise<void>;
  /** Asks the fork server to end after its last monitor. */
  retire(): Promise<void>;
  /** Resolves when the worker is gone. */
  readonly closed: Promise<void>;
  close(): void;
}

/**
 * Takes a fresh worker from the fork server and checks its version.
 *
 * @throws {EngineError} `helper-worker.version`, `helper-worker.gone`; the connect error (ENOENT, ECONNREFUSED) as it is
 */
export async function connectWorker(effects: Effects, socketPath: string, signal?: AbortSignal): Promise<Worker> {
  const connection = await effects.helper.connect(socketPath, signal);
  try {
    return workerFrom(connection, await expectHello(connection, signal));
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Reads the first frame of a worker, which must be of our version. @returns its pid */
export async function expectHello(connection: HelperConnection, signal?: AbortSignal): Promise<number> {
  const { version, pid } = await readHello(connection, signal);
  if (version !== PROTOCOL_VERSION) throw workerErrors.version({ theirs: version, ours: PROTOCOL_VERSION });
  return pid;
}

/** Reads the first frame of any helper process, of whatever version. */
export async function readHello(
  connection: HelperConnection,
  signal?: AbortSignal,
): Promise<{ readonly version: number; readonly pid: number }> {
  const frame = await connection.receive(signal);
  if (frame === undefined) throw workerErrors.gone({ during: 'hello' });
  const { version, pid } = expectMessage(frame, 'hello', 'hello');
  return { version: Number(version), pid: Number(pid) };
}

/** The typed face of a connection whose hello was read. */
export function workerFrom(connection: HelperConnection, pid: number): Worker {
  const request = async (frame: Frame, during: string): Promise<Frame> => {
    await connection.send(frame.type, frame.payload);
    const answer = await connection.receive();
    if (answer === undefined) throw workerErrors.gone({ during });
    return answer;
  };
  return {
    pid,
    run: async (steps) => {
      const answer = await request(encodeMessage('run', { hostSteps: steps }), 'run');
      if (messageName(answer) === 'failed') throw stepError(decodeMessage('failed', answer), steps);
      expectMessage(answer, 'done', 'run');
    },
    readFiles: async (paths) => {
      const answer = await request(encodeMessage('readFiles', { paths, maxBytes: MAX_READ_BYTES }), 'read');
      const texts = decodeFileContents(expectMessage(answer, 'fileContents', 'read').contents);
      if (texts.length < 2) throw workerErrors.unexpected({ during: 'read', frame: `${texts.length} files` });
      return texts;
    },
    measure: async ({ paths, rootOf }) => {
      const { pid = 0, startTime = 0n } = rootOf ?? {};
      const answer = await request(encodeMessage('measure', { paths, pid, startTime }), 'measure');
      if (messageName(answer) === 'failed') throw measureError(decodeMessage('failed', answer));
      const { bytes, rootBytes, entries, unread } = expectMessage(answer, 'measured', 'measure');
      return { bytes: Number(bytes) + Number(rootBytes), entries: Number(entries), unread: Number(unread) };
    },
    peerOf: async (descriptor) => {
      const answer = await request(encodeMessage('peer', { descriptor }), 'peer');
      if (messageName(answer) === 'failed') {
        const { errno, detail } = decodeMessage('failed', answer);
        throw workerErrors.noPeer({ what: detail, errno: errnoName(Number(errno)) });
      }
      return peerCredentials(expectMessage(answer, 'peerIs', 'peer'));
    },
    notify: (message) => notify(request, message),
    unpack: (options, source) => unpack(connection, options, source),
    enterRoot: (root) => enterRoot(connection, root),
    enterChanges: (written) => enterChanges(connection, written),
    lock: async (path) => {
      const answer = await request(encodeMessage('lock', { path }), 'lock');
      if (messageName(answer) === 'lockHeld') {
        throw workerErrors.lockHeld({ path, holder: decodeMessage('lockHeld', answer).holder.trim() });
      }
      if (messageName(answer) === 'failed') throw stepError(decodeMessage('failed', answer), []);
      expectMessage(answer, 'locked', 'lock');
    },
    retire: async () => {
      expectMessage(await request(encodeMessage('retire', {}), 'retire'), 'done', 'retire');
    },
    ...browserOf(request),
    closed: connection.closed,
    close: () => connection.close(),
  };
}

async function notify(
  request: (frame: Frame, during: string) => Promise<Frame>,
  { socket, inOurName, state }: Parameters<Worker['notify']>[0],
): Promise<void> {
  const answer = await request(encodeMessage('notify', { socket, asMaker: inOurName ? 1 : 0, state }), 'notify');
  if (messageName(answer) === 'failed') {
    const { errno } = decodeMessage('failed', answer);
    throw workerErrors.notNotified({ socket, errno: errnoName(Number(errno)) });
  }
  expectMessage(answer, 'done', 'notify');
}

async function unpack(
  connection: HelperConnection,
  options: UnpackOptions,
  source: AsyncIterable<Uint8Array>,
): Promise<UnpackResult> {
  const request = encodeMessage('unpack', { ...options });
  await connection.send(request.type, request.payload);
  // The answer may come before the source has ended: a refused archive need not be read to its end.
  const answered = connection.receive();
  answered.catch(() => {});
  let over = false;
  const watch = answered.then(
    () => {
      over = true;
    },
    () => {
      over = true;
    },
  );
  try {
    for await (const chunk of source) {
      if (over) break;
      await Promise.race([connection.sendRaw(chunk), watch]);
    }
  } catch (error) {
    if (!over) {
      connection.close();
      throw error;
    }
  }
  if (!over) connection.end();
  const answer = await answered;
  if (answer === undefined) throw workerErrors.gone({ during: 'unpack' });
  if (messageName(answer) === 'failed') {
    const { errno, detail } = decodeMessage('failed', answer);
    return { ok: false, failure: { errno: Number(errno), entry: detail } };
  }
  const { entries, bytes } = expectMessage(answer, 'unpacked', 'unpack');
  return { ok: true, entries: Number(entries), bytes: Number(bytes) };
}

/** Why the kernel refused a step: a value of ERRNO; `undefined` for an error of another kind. */
export function stepErrno(error: unknown): number | undefined {
  if (!(error instanceof EngineError) || error.code !== 'helper-worker.stepFailed') return undefined;
  return Number(error.details.errno);
}

function measureError({ errno, detail }: MessageValues<'failed'>): EngineError {
  if (Number(errno) === ERRNO.ENAMETOOLONG) return workerErrors.tooDeep({ path: detail });
  return workerErrors.unmeasurable({ path: detail, errno: errnoName(Number(errno)) });
}

const [ENOSPC, EDQUOT] = [28, 122];

function stepError(failure: MessageValues<'failed'>, steps: readonly Step[]): EngineError {
  const step = Number(failure.phase) === FAILURE_PHASE.host ? steps[Number(failure.step)] : undefined;
  const errno = Number(failure.errno);
  const details = {
    by: step?.by ?? 'helper',
    step: step?.op ?? `number ${failure.step} of phase ${failure.phase}`,
    detail: failure.detail,
    errno,
  };
  return errno === ENOSPC || errno === EDQUOT ? workerErrors.diskFull(details) : workerErrors.stepFailed(details);
}

function expectMessage<Name extends 'hello' | 'peerIs' | 'done' | 'unpacked' | 'locked' | 'fileContents' | 'measured'>(
  frame: Frame,
  name: Name,
  during: string,
): MessageValues<Name> {
  if (messageName(frame) !== name) {
    throw workerErrors.unexpected({ during, frame: messageName(frame) ?? `type ${frame.type}` });
  }
  return decodeMessage(name, frame);
}
