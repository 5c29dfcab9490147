import { ERRNO } from '../linux/errno.ts';
import { stepErrno } from '../linux/helper-worker.ts';
import { afterOthers } from './changes.ts';
import type { Container } from './container.ts';
import { SIGKILL } from './destroy.ts';
import { endLaunch, endsLaunch } from './end-launch.ts';
import { engineErrors } from './errors.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import { liveLink } from './live-link.ts';
import { checkReachable } from './nested.ts';
import { thawWhatEnds } from './pause.ts';
import type { Restarts } from './restarts.ts';

/**
 * Sends a signal to init, or to all processes. SIGKILL, and the signal that `stop` sends first, are somebody's wish for the end: the container is
 * not started again. One that has no process yet does not start when the signal is one to end by.
 *
 * @throws {EngineError} `engine.notRunning` (failed-precondition)
 */
export async function killContainer(
  host: EngineHost,
  restarts: Restarts,
  container: Container,
  { signal, all }: { readonly signal: number; readonly all: boolean },
): Promise<void> {
  checkReachable(container, 'be sent a signal');
  if (endsLaunch(container, signal)) {
    if (await endLaunch(restarts, container, `signal ${signal}`)) return;
  }
  const link = liveLink(container, 'kill');
  if (signal === SIGKILL || signal === container.stopSignal) await restarts.stopAsked(container);
  await (all ? signalAll(host, container, signal) : link.signal(signal));
  if (signal === SIGKILL && container.state === 'paused') await thawWhatEnds(host, container);
}

/** With the other changes of a live container: while it is being paused nobody knows whether it stands still. */
function signalAll(host: EngineHost, container: Container, signal: number): Promise<void> {
  return afterOthers(container, async () => {
    const { uid } = container;
    liveLink(container, 'kill');
    const deadlineMs = DEADLINES.freezeMs;
    const how = { signal, isFrozen: container.isPausedItself, deadlineMs };
    try {
      const step = { what: 'a signal to all its processes', uid, ms: deadlineMs };
      await host.operations.during(step, host.launcher.signalAll(uid, how));
    } catch (error) {
      // Its group goes with its end, of which we may not have heard yet.
      if (stepErrno(error) !== ERRNO.ENOENT) throw error;
      throw engineErrors.notRunning({ uid, state: 'terminated', wanted: 'kill' });
    }
  });
}
