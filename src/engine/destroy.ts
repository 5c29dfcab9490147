import { isErrorOfKind } from '../model/error.ts';
import type { Termination } from '../model/exit-status.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import { thawWhatEnds } from './pause.ts';

/** signal(7). */
export const SIGKILL = 9;

/**
 * Ends a container wherever it is in its life: a launch under way is given up.
 *
 * @param how.by names who wants it in the error of the launch
 * @returns false when it never ran: then nothing of it is left, and its caller was told
 * @throws {EngineError} as `stopContainer`
 */
export async function endContainer(
  host: EngineHost,
  container: Container,
  how: { readonly graceMs: number; readonly by: string },
): Promise<boolean> {
  if (container.isLaunching) {
    container.cancelLaunch(engineErrors.launchCancelled({ uid: container.uid, by: how.by }));
  }
  const hasStarted = await container.launched.then(
    () => true,
    () => false,
  );
  if (hasStarted) await stopContainer(host, container, how.graceMs);
  return hasStarted;
}

/**
 * Ends what lives in a container that has ended: where that has no pid namespace, the kernel did not. Never rejects: what
 * remains is ended with the groups of the container.
 */
export async function endChildren(host: EngineHost, container: Container): Promise<void> {
  const ending = [...container.children.values()].map(async (child) => {
    try {
      await endContainer(host, child, { graceMs: 0, by: 'the end of its parent' });
    } catch (error) {
      host.report({ what: 'ending what lived in a container that has ended', uid: child.uid, error });
    }
  });
  await Promise.all(ending);
}

/**
 * Ends every process of a running container, those of the containers in it first: they get their own stop signals, and as
 * much time each. A second call joins the first.
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
  const isFrozen = container.isPausedItself;
  container.advance('destroying'); // nothing is launched in it any more
  if (container.children.size > 0) await stopChildren(host, container, { graceMs, isFrozen });
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

async function stopChildren(
  host: EngineHost,
  container: Container,
  { graceMs, isFrozen }: { readonly graceMs: number; readonly isFrozen: boolean },
): Promise<void> {
  if (isFrozen) {
    // They stand still with it; what is to be killed does not run before that.
    if (graceMs === 0) for (const child of container.descendants()) await signal(host, child, SIGKILL);
    await thawWhatEnds(host, container);
  }
  const by = `the end of ${container.uid}, which it was to live in`;
  const stopping = [...container.children.values()].map((child) => endContainer(host, child, { graceMs, by }));
  for (const result of await Promise.allSettled(stopping)) if (result.status === 'rejected') throw result.reason;
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
