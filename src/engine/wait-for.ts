import { untilAborted } from '../base/deadline.ts';
import { shellExitCode, type Termination } from '../model/exit-status.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import type { EngineHost } from './host.ts';
import type { WaitCondition } from './life-facade.ts';
import { willStartAgain } from './restart-end.ts';

/** How it stands with a condition: for one that can never come about, why. */
type Standing = { readonly kind: 'met' | 'open' } | { readonly kind: 'never'; readonly error: Error };

/**
 * Waits until a container is as wanted. Whoever is to be started again by its policy is waited for; an end for good before that is
 * a failure.
 *
 * @throws {EngineError} `engine.unknownContainer` (not-found), `engine.noCheck`, `engine.endedBefore` (failed-precondition)
 */
export async function waitForCondition(
  host: EngineHost,
  { id, condition }: { readonly id: string; readonly condition: WaitCondition },
  ...signals: readonly AbortSignal[]
): Promise<void> {
  const { uid } = host.registry.get(id);
  const over = new AbortController();
  // From now on: whatever happens after the first look is seen.
  const events = host.events.subscribe(over.signal, { containers: [uid] })[Symbol.asyncIterator]();
  try {
    for (;;) {
      const standing = standingOf(host.registry.get(uid), condition);
      if (standing.kind === 'met') return;
      if (standing.kind === 'never') throw standing.error;
      const { done } = await untilAborted(events.next(), ...signals);
      if (done === true) throw engineErrors.closed();
    }
  } finally {
    over.abort();
  }
}

/** Pure. */
function standingOf(container: Container, condition: WaitCondition): Standing {
  const { uid, state, termination, healthCheck, health, readinessCheck, readiness } = container;
  if (condition === 'healthy' && healthCheck === undefined && !container.isLaunching) {
    return { kind: 'never', error: engineErrors.noCheck({ uid, condition }) };
  }
  if (termination !== undefined) {
    if (willStartAgain(container)) return { kind: 'open' };
    return { kind: 'never', error: engineErrors.endedBefore({ uid, condition, end: endText(termination) }) };
  }
  if (state !== 'running') return { kind: 'open' };
  const isMet = {
    running: true,
    ready: readinessCheck === undefined || readiness?.status === 'healthy',
    healthy: health?.status === 'healthy',
  }[condition];
  return { kind: isMet ? 'met' : 'open' };
}

function endText({ exitStatus, reason }: Termination): string {
  return exitStatus.kind === 'lost' ? reason : `exit code ${shellExitCode(exitStatus)}`;
}
