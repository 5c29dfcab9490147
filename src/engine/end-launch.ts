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

/** Whether a signal is a wish for the end of what has no process yet that could take it otherwise. Pure. */
export function endsLaunch(signal: number): boolean {
  return ENDING_SIGNALS.includes(signal);
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
 * @throws {EngineError} `engine.unknownContainer` (not-found) for one whose launch has failed by itself; as `stopContainer`
 */
export async function stopWherever(
  host: EngineHost,
  restarts: Restarts,
  { id, graceMs }: { readonly id: string; readonly graceMs: number | undefined },
): Promise<Termination> {
  const container = host.registry.get(id);
  checkStoppable(container);
  if (container.isLaunching && (await endLaunch(restarts, container, 'stop'))) return container.ended;
  await container.launched.catch(() => {}); // its caller is told; for us it is then unknown
  host.registry.get(container.uid);
  checkStoppable(container);
  await restarts.stopAsked(container);
  return stopContainer(host, container, graceMs ?? graceMsOf(container.config));
}

function checkStoppable(container: Container): void {
  if (container.termination === undefined) checkReachable(container, 'stop');
}
