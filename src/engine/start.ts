import { graceMsOf } from '../model/stop-request.ts';
import type { Container } from './container.ts';
import { stopContainer } from './destroy.ts';
import { engineErrors } from './errors.ts';
import type { EngineHost } from './host.ts';
import type { Started } from './life-facade.ts';
import { checkReachable } from './nested.ts';
import { begunBefore } from './repeated-request.ts';
import { checkStartable } from './restart-status.ts';
import type { AskedStart, Restarts, StartedAgain } from './restarts.ts';

/**
 * Starts a container that has ended: the same uid, config, files and volumes. One that runs is left as it is.
 *
 * @throws {EngineError} `engine.notEnded`, `engine.notStartable`, `engine.copiedInto` (failed-precondition), what the launch refused
 */
export async function startContainer(
  host: EngineHost,
  restarts: Restarts,
  { id, ...how }: { readonly id: string } & AskedStart,
): Promise<Started> {
  const container = await settled(host, id);
  const before = await begunBefore(host, container, { key: how.requestKey, owned: how.owned });
  if (before !== undefined) return before;
  const { uid, state, termination } = container;
  if (state === 'running') return { status: container.status(), stream: undefined };
  if (termination === undefined) throw engineErrors.notEnded({ uid, state });
  return answer(await again(restarts, container, how));
}

/**
 * Stops a container, if it runs, and starts it again.
 *
 * @throws {EngineError} as {@link startContainer}, and as a stop
 */
export async function restartContainer(
  host: EngineHost,
  restarts: Restarts,
  {
    id,
    graceMs,
    requestKey,
  }: { readonly id: string; readonly graceMs: number | undefined; readonly requestKey: string | undefined },
): Promise<Started> {
  const container = await settled(host, id);
  const how = { owned: false, requestKey };
  const done = await begunBefore(host, container, { key: requestKey, owned: false });
  if (done !== undefined) return done;
  if (container.termination !== undefined) return answer(await again(restarts, container, how));
  checkReachable(container, 'stop');
  const before = container.restart;
  const next = again(restarts, container, how);
  next.catch(() => {}); // awaited below
  await restarts.recorded(container);
  try {
    await stopContainer(host, container, graceMs ?? graceMsOf(container.config));
  } catch (error) {
    await restarts.takeBack(container, before);
    throw error;
  }
  return answer(await next);
}

/** What cannot be started again is told before anything is done to it. */
function again(restarts: Restarts, container: Container, how: AskedStart): Promise<StartedAgain> {
  if (container.isRemoving) throw engineErrors.notEnded({ uid: container.uid, state: 'being removed' });
  checkStartable(container);
  if (container.isCopiedInto) throw engineErrors.copiedInto({ uid: container.uid });
  return restarts.ask(container, how);
}

function answer({ container, stream }: StartedAgain): Started {
  return { status: container.status(), stream };
}

/** A container whose launch is over; one that has begun another life meanwhile is looked for again. */
async function settled(host: EngineHost, id: string): Promise<Container> {
  const { uid } = host.registry.get(id);
  for (;;) {
    const container = host.registry.get(uid);
    await container.launched.catch(() => {}); // its caller is told; for us it is then unknown
    if (host.registry.get(uid) === container) return container;
  }
}
