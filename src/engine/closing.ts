import { withDeadline } from '../base/deadline.ts';
import type { Cleanups } from './cleanup.ts';
import { engineErrors } from './errors.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import type { Operations } from './operations.ts';

/** Waits for what is under way while an engine closes, but not for ever. Never rejects. */
export async function drain(host: EngineHost, operations: Operations, cleanups: Cleanups): Promise<void> {
  const drained = operations.settled().then(() => cleanups.settled());
  await withDeadline(host.effects.clock, drained, {
    ms: DEADLINES.drainMs,
    expired: () => engineErrors.overdue({ what: 'an operation under way while closing', ms: DEADLINES.drainMs }),
  }).catch((error) => host.report({ what: 'close', error }));
}

/** Whether nothing lives, and none of these parts has anything to do. */
export function isIdle({ registry, retries }: EngineHost, parts: readonly { readonly isIdle: boolean }[]): boolean {
  const hasLive = registry.all().some(({ termination }) => termination === undefined);
  return !hasLive && retries.isIdle && parts.every((part) => part.isIdle);
}
