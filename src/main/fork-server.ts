import type { Effects } from '../base/effects.ts';
import { connectWorker, workerErrors } from '../linux/helper-worker.ts';
import { EngineError, systemErrorCode } from '../model/error.ts';
import { encodeMessage } from '../model/wire-codec.ts';
import { mainErrors } from './errors.ts';

export interface ForkServerPlace {
  readonly binary: string;
  readonly socketPath: string;
  readonly logPath: string;
  readonly cgroups: readonly string[];
  /** The lock under which the groups of the instance may be removed at the end. */
  readonly instanceLock: string;
  /** Told of what nobody asked for. */
  readonly report: (problem: { readonly what: string; readonly error: unknown }) => void;
}

const ANSWER_DEADLINE_MS = 20_000;

/**
 * Sees to it that a fork server of our version listens: one of another version is retired (its containers go on
 * under it), one that does not answer is killed (they go on as well), and where there is none one is started.
 *
 * @throws {EngineError} `main.noHelper`, `main.helperSilent` (deadline-exceeded)
 */
export async function ensureForkServer(effects: Effects, place: ForkServerPlace): Promise<void> {
  const signal = AbortSignal.timeout(ANSWER_DEADLINE_MS);
  try {
    (await connectWorker(effects, place.socketPath, signal)).close();
    return;
  } catch (error) {
    if (signal.aborted) await endSilent(effects, place, error);
    const isOther = error instanceof EngineError && error.code === 'helper-worker.version';
    if (!isOther && !isAbsent(error) && !signal.aborted) throw error;
    if (isOther) await retire(effects, place.socketPath, signal);
  }
  if (!(await effects.files.exists(place.binary))) throw mainErrors.noHelper({ path: place.binary });
  await effects.helper.startForkServer(place);
}

/** One that is just ending removes the groups of its instance once. */
const MOST_STARTS = 3;

/**
 * Starts a fork server in its groups. One that is just ending may take away those that were made for its successor, which then does
 * not start: it is started again.
 *
 * @param start makes the groups and the fork server
 */
export async function startInGroups(
  files: Pick<Effects['files'], 'exists'>,
  cgroups: readonly string[],
  start: () => Promise<void>,
): Promise<void> {
  for (let starts = 1; ; starts += 1) {
    try {
      await start();
      return;
    } catch (error) {
      const areThere = (await Promise.all(cgroups.map((path) => files.exists(path)))).every(Boolean);
      if (areThere || starts === MOST_STARTS) throw error;
    }
  }
}

/** @throws {EngineError} `main.helperSilent`: it is not to be found, or does not end either */
async function endSilent(effects: Effects, { socketPath, report }: ForkServerPlace, error: unknown): Promise<void> {
  const cause = silent(socketPath, error);
  report({ what: 'a fork server that does not answer is killed, and another one started', error: cause });
  if (!(await effects.helper.endForkServer(socketPath))) throw cause;
}

function silent(socketPath: string, cause: unknown): EngineError {
  return mainErrors.helperSilent({ during: `at ${socketPath}`, deadlineMs: ANSWER_DEADLINE_MS }, cause);
}

/** Nobody listens, or who did was killed before its worker could say hello. */
function isAbsent(error: unknown): boolean {
  if (error instanceof EngineError) return error.code === workerErrors.gone({ during: 'hello' }).code;
  return ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(systemErrorCode(error) ?? '');
}

/**
 * Tells the fork server that nobody will come any more: it ends, and removes the groups of its instance.
 *
 * @returns false when there was none: it was killed, and the groups are still there
 */
export async function retireForkServer(effects: Effects, socketPath: string): Promise<boolean> {
  try {
    await retire(effects, socketPath, AbortSignal.timeout(ANSWER_DEADLINE_MS));
    return true;
  } catch (error) {
    if (!isAbsent(error)) throw error;
    return false;
  }
}

/** `retire` means the same in every version of the protocol, so it is said without a common one. */
async function retire(effects: Effects, socketPath: string, signal: AbortSignal): Promise<void> {
  const connection = await effects.helper.connect(socketPath, signal);
  try {
    await connection.receive(signal);
    const frame = encodeMessage('retire', {});
    await connection.send(frame.type, frame.payload);
    await connection.receive(signal);
  } finally {
    connection.close();
  }
}
