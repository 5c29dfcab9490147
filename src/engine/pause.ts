import { ERRNO } from '../linux/errno.ts';
import { EngineError } from '../model/error.ts';
import { afterOthers } from './changes.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import { aboutContainer } from './happenings.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import { checkReachable } from './nested.ts';

const NO_ENTRY = ERRNO.ENOENT;

/**
 * Stops every process of a running container where it stands. One that ends or is stopped meanwhile is not left frozen.
 *
 * @throws {EngineError} `engine.alreadyPaused`, `engine.notRunning` (failed-precondition), `launcher.unfreezable`
 */
export function pauseContainer(host: EngineHost, container: Container): Promise<void> {
  return afterOthers(container, async () => {
    const { uid } = container;
    checkReachable(container, 'be paused');
    if (container.state === 'paused') throw engineErrors.alreadyPaused({ uid });
    checkRunning(container);
    container.isPausing = true;
    try {
      await freeze(host, container);
      if (container.state !== 'running') await thawWhatEnds(host, container);
      checkRunning(container);
      container.advance('paused');
    } finally {
      container.isPausing = false;
    }
    host.events.emit({ ...aboutContainer(container), kind: 'paused', atMs: host.effects.clock.nowMs() });
  });
}

/** With all that lives in it; a launch in it would never come to an end, so those under way are waited for. */
async function freeze(host: EngineHost, container: Container): Promise<void> {
  const { uid } = container;
  await Promise.allSettled(container.descendants().map(({ launched }) => launched));
  try {
    const step = { what: 'all its processes to stand still', uid, ms: DEADLINES.freezeMs };
    await host.operations.during(step, host.launcher.freeze(uid, DEADLINES.freezeMs));
  } catch (error) {
    checkRunning(container); // it has ended meanwhile, and its group is gone
    if (isGroupGone(error)) throw engineErrors.notRunning({ uid, state: 'terminated', wanted: 'pause' });
    throw error;
  }
}

/**
 * Lets the processes of a paused container go on.
 *
 * @throws {EngineError} `engine.notPaused` (failed-precondition), `launcher.unfreezable` (deadline-exceeded)
 */
export function unpauseContainer(host: EngineHost, container: Container): Promise<void> {
  return afterOthers(container, async () => {
    const { uid } = container;
    checkReachable(container, 'be unpaused');
    checkPaused(container);
    try {
      const step = { what: 'its processes to go on', uid, ms: DEADLINES.freezeMs };
      await host.operations.during(step, host.launcher.thaw(uid, DEADLINES.freezeMs));
    } catch (error) {
      checkPaused(container);
      if (isGroupGone(error)) throw engineErrors.notPaused({ uid, state: 'terminated' });
      throw error;
    }
    checkPaused(container);
    container.advance('running');
    host.events.emit({ ...aboutContainer(container), kind: 'unpaused', atMs: host.effects.clock.nowMs() });
  });
}

/**
 * Lets go what was sent a signal to end it: a v1 freezer holds back even SIGKILL, and on any host a frozen process
 * cannot act on another signal. Never rejects: whoever ends a container kills its whole group in the end.
 */
export async function thawWhatEnds(host: EngineHost, container: Container): Promise<void> {
  try {
    await host.launcher.thaw(container.uid, DEADLINES.freezeMs);
  } catch (error) {
    if (container.termination !== undefined) return; // with its group
    host.report({ what: 'thawing a container that is to end', uid: container.uid, error });
  }
}

/** The helper removes the group of a container that lost its monitor, and tells of it; we may not have heard that yet. */
function isGroupGone(error: unknown): boolean {
  return error instanceof EngineError && error.details.errno === NO_ENTRY;
}

function checkRunning({ uid, state }: Container): void {
  if (state !== 'running') throw engineErrors.notRunning({ uid, state, wanted: 'pause' });
}

function checkPaused({ uid, state }: Container): void {
  if (state !== 'paused') throw engineErrors.notPaused({ uid, state });
}
