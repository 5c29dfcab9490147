import type { Cleanups } from './cleanup.ts';
import type { Container } from './container.ts';
import { endContainer } from './destroy.ts';
import type { EngineHost } from './host.ts';
import { checkReachable } from './nested.ts';

/** What was asked for with a removal. */
export interface DestroyRequest {
  readonly graceMs: number;
  /** Also the volumes that were made for it. */
  readonly volumes: boolean;
}

/**
 * Makes a container not exist, whatever it is doing. Where that fails its caller is told why, and it goes on being tried,
 * later and later, until it is done.
 *
 * @throws {EngineError} `launcher.unkillable` (deadline-exceeded) and what else stands in the way
 */
export async function destroyContainer(
  host: EngineHost,
  cleanups: Cleanups,
  container: Container,
  how: DestroyRequest,
): Promise<void> {
  container.takesVolumes ||= how.volumes;
  if (container.termination === undefined) checkReachable(container, 'be ended');
  const attempt = async (graceMs: number): Promise<void> => {
    if (await endContainer(host, container, { graceMs, by: 'destroy' })) await cleanups.remove(container);
  };
  try {
    await attempt(how.graceMs);
  } catch (error) {
    goOn(host, container, () => attempt(0));
    throw error;
  }
}

/** Once for each container, however often it is asked for. */
function goOn(host: EngineHost, container: Container, attempt: () => Promise<void>): void {
  if (container.isBeingDestroyed) return;
  container.isBeingDestroyed = true;
  void host.retries.run({ what: 'destroy', uid: container.uid, attempt });
}
