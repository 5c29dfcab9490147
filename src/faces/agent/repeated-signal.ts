import type { Engine } from '../../engine/facade.ts';
import { isErrorOfKind } from '../../model/error.ts';
import { agentErrors } from './errors.ts';
import type { BegunRequest } from './idempotency.ts';

/** signal(7). */
const SIGKILL = 9;

/** A signal that was asked for, perhaps of an agent that has died since. */
export interface AskedSignal {
  /** Of a container or session. */
  readonly id: string;
  readonly signal: number;
  readonly begun: BegunRequest | undefined;
}

/**
 * Sends a signal at most once, whichever agent is asked how often: what an earlier one has begun with may have been sent. SIGKILL
 * does no harm when it is sent to the same life again, so it is; what it was meant for and what has ended since is as was wanted.
 *
 * @throws {EngineError} `agent.signalUncertain` (failed-precondition); as `Engine.kill`
 */
export async function killOnce(
  engine: Pick<Engine, 'check' | 'kill'>,
  { id, signal, begun }: AskedSignal,
  how?: { readonly all: boolean },
): Promise<void> {
  if (begun !== undefined) {
    if (signal !== SIGKILL) throw agentErrors.signalUncertain({ id, signal });
    const found = await engine.check(id);
    if (found === undefined || found.termination !== undefined || (found.startedAtMs ?? 0) > begun.atMs) return;
  }
  await engine.kill(id, signal, how);
}

/** The same for the process of a session, which has one life. @throws as {@link killOnce}, and as `Engine.signalSession` */
export async function signalSessionOnce(
  engine: Pick<Engine, 'signalSession'>,
  { id, signal, begun }: AskedSignal,
): Promise<void> {
  if (begun !== undefined && signal !== SIGKILL) throw agentErrors.signalUncertain({ id, signal });
  try {
    await engine.signalSession(id, signal);
  } catch (error) {
    if (begun === undefined || !isErrorOfKind(error, 'not-found', 'failed-precondition')) throw error;
  }
}
