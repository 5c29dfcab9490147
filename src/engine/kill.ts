import type { Container } from './container.ts';
import { SIGKILL } from './destroy.ts';
import type { EngineHost } from './host.ts';
import { liveLink } from './live-link.ts';
import { checkReachable } from './nested.ts';
import { thawWhatEnds } from './pause.ts';
import type { Restarts } from './restarts.ts';

/**
 * Sends a signal to init. SIGKILL, and the signal that `stop` sends first, are somebody's wish for the end: the container is
 * not started again.
 *
 * @throws {EngineError} `engine.notRunning` (failed-precondition)
 */
export async function killContainer(
  host: EngineHost,
  restarts: Restarts,
  container: Container,
  signal: number,
): Promise<void> {
  checkReachable(container, 'be sent a signal');
  const link = liveLink(container, 'kill');
  if (signal === SIGKILL || signal === container.stopSignal) await restarts.stopAsked(container);
  await link.signal(signal);
  if (signal === SIGKILL && container.state === 'paused') await thawWhatEnds(host, container);
}
