import { isErrorOfKind } from '../model/error.ts';
import type { Termination } from '../model/exit-status.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import { thawWhatEnds } from './pause.ts';

/** signal(7). */
export const SIGKILL = 9;

/**
 * Ends every process of a running container. A second call joins the first.
 *
 * @param graceMs milliseconds between the stop signal and SIGKILL; 0 skips the stop signal
 * @throws {EngineError} `launcher.unkillable` (deadline-exceeded): processes remain; it can be tried again
 */
export function stopContainer(host: EngineHost, container: Container, graceMs: number): Promise<Termination> {
  if (container.termination !== undefined) return Promise.resolve(container.termination);
  container.stopping ??= stop(host, container, graceMs)
    .catch((error: unknown) => {
      host.metrics.destroyFailed();
      throw error;
    })
    .finally(() => {
      container.stopping = undefined;
    });
  return container.stopping;
}

async function stop(host: EngineHost, container: Container, graceMs: number): Promise<Termination> {
  const isFrozen = container.state === 'paused';
  container.advance('destroying');
  if (graceMs > 0) {
    await signal(host, container, container.stopSignal);
    if (isFrozen) await thawWhatEnds(host, container);
    const ended = await endedWithin(host, container, graceMs);
    if (ended !== undefined) return ended;
  }
  // By way of init first: its end is then seen, with its groups still there to say why.
  await signal(host, container, SIGKILL);
  if (isFrozen) await thawWhatEnds(host, container);
  const ended = await endedWithin(host, container, DEADLINES.reapMs);
  if (ended !== undefined) return ended;
  const { uid } = container;
  const kill = { what: 'the kill of all its processes', uid, ms: DEADLINES.killMs };
  await host.operations.during(kill, host.launcher.destroy(uid, DEADLINES.killMs));
  const step = { what: `the end of container ${uid} after its kill`, uid, ms: DEADLINES.killMs };
  return host.operations.within(step, container.ended);
}

/** A process that has ended, or whose monitor is gone, needs no signal: its end is on its way. */
async function signal(host: EngineHost, container: Container, number: number): Promise<void> {
  try {
    await container.link?.signal(number);
  } catch (error) {
    if (isErrorOfKind(error, 'failed-precondition', 'unavailable')) return;
    host.report({ what: `signal ${number}`, uid: container.uid, error });
  }
}

async function endedWithin(host: EngineHost, container: Container, ms: number): Promise<Termination | undefined> {
  const what = `the end of container ${container.uid}`;
  const late = engineErrors.overdue({ what, ms });
  try {
    const step = { what, uid: container.uid, ms, expired: () => late };
    return await host.operations.within(step, container.ended);
  } catch (error) {
    if (error === late) return undefined;
    throw error;
  }
}
