import type { Termination } from '../model/exit-status.ts';
import { graceMsOf } from '../model/stop-request.ts';
import type { Container } from './container.ts';
import { stopContainer } from './destroy.ts';
import { engineErrors } from './errors.ts';
import type { EngineHost } from './host.ts';
import { checkReachable } from './nested.ts';
import type { Restarts } from './restarts.ts';

/** SIGHUP, SIGINT, SIGQUIT, SIGKILL and SIGTERM (signal(7)): by default they end a process, and are sent for that. */
const ENDING_SIGNALS: readonly number[] = [1, 2, 3, 9, 15];

/** Whether a signal is a wish for the end of a container that has no process yet, or never gets one. Pure. */
export function endsLaunch(container: Pick<Container, 'isLaunching' | 'isTakenBack'>, signal: number): boolean {
  return isUnstarted(container) && ENDING_SIGNALS.includes(signal);
}

function isUnstarted({ isLaunching, isTakenBack }: Pick<Container, 'isLaunching' | 'isTakenBack'>): boolean {
  return isLaunching || isTakenBack;
}

/**
 * Gives up the launch of a container that has no process yet, and waits until what it made is taken back.
 *
 * @param by names who wants it in the error of the launch
 * @returns false when it has started meanwhile: then it is still to be ended
 */
export async function endLaunch(restarts: Restarts, container: Container, by: string): Promise<boolean> {
  // A first life that never was leaves nothing for a policy to start again; the next ones of a container do.
  if (container.isRelaunch) await restarts.stopAsked(container);
  if (container.isLaunching) container.cancelLaunch(engineErrors.stoppedBeforeStart({ uid: container.uid, by }));
  const hasStarted = await container.launched.then(
    () => container.termination === undefined,
    () => false,
  );
  return !hasStarted;
}

/**
 * Stops a container, whatever it is doing: one that is being launched does not start.
 *
 * @throws {EngineError} `engine.unknownContainer` (not-found), `engine.parentPaused` (failed-precondition); as `stopContainer`
 */
export async function stopWherever(
  host: EngineHost,
  restarts: Restarts,
  { id, graceMs }: { readonly id: string; readonly graceMs: number | undefined },
): Promise<Termination> {
  const container = host.registry.get(id);
  checkStoppable(container);
  if (isUnstarted(container) && (await endLaunch(restarts, container, 'stop'))) return container.ended;
  await container.launched.catch(() => {}); // a next life that has failed, and is being taken back
  checkStoppable(container);
  await restarts.stopAsked(container);
  return stopContainer(host, container, graceMs ?? graceMsOf(container.config));
}

function checkStoppable(container: Container): void {
  if (container.termination === undefined) checkReachable(container, 'stop');
}
