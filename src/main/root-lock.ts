import type { Effects } from '../base/effects.ts';
import { connectWorker, type Worker, workerErrors } from '../linux/helper-worker.ts';
import { EngineError } from '../model/error.ts';
import { mainErrors } from './errors.ts';

/** How long an agent that is just ending may hold what its successor wants. */
const PATIENCE_MS = 3_000;
const RETRY_MS = 20;
const HELLO_DEADLINE_MS = 20_000;

export interface LockOptions {
  readonly effects: Effects;
  /** The fork server's socket; something listens there. */
  readonly helperSocket: string;
  /** Brings a fork server back when the lock's worker was killed. */
  readonly ensureForkServer: () => Promise<void>;
  /** Told when a lock was lost and could not be taken again. */
  readonly lost: (error: unknown) => void;
}

/**
 * Takes a file lock that a worker of the helper holds for us: it ends with our connection, however we end. When the
 * worker is killed the lock is taken again.
 *
 * @throws {EngineError} `main.inUse` (failed-precondition) with the holder's pid
 */
export async function holdLock(options: LockOptions, path: string): Promise<{ release(): void }> {
  let worker = await take(options, path);
  let released = false;
  const watch = async (): Promise<void> => {
    await worker.closed;
    if (released) return;
    await options.ensureForkServer();
    worker = await take(options, path);
    void guard();
  };
  const guard = (): Promise<void> => watch().catch(options.lost);
  void guard();
  return {
    release: () => {
      released = true;
      worker.close();
    },
  };
}

async function take({ effects, helperSocket }: LockOptions, path: string): Promise<Worker> {
  const deadline = effects.clock.monotonicMs() + PATIENCE_MS;
  for (;;) {
    const worker = await connectWorker(effects, helperSocket, AbortSignal.timeout(HELLO_DEADLINE_MS));
    try {
      await worker.lock(path);
      return worker;
    } catch (error) {
      worker.close();
      const isHeld = error instanceof EngineError && error.code === workerErrors.lockHeld({ path, holder: '' }).code;
      if (!isHeld) throw error;
      if (effects.clock.monotonicMs() > deadline) {
        throw mainErrors.inUse({ path, holder: String(error.details.holder || 'unknown') }, error);
      }
      await effects.clock.sleep(RETRY_MS);
    }
  }
}
