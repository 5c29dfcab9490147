import { withDeadline } from '../base/deadline.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import { DEADLINES, type EngineHost } from './host.ts';

/** Lets the isolators of a container release what they hold, in reverse order; idempotent. */
export async function cleanIsolators(host: EngineHost, container: Container): Promise<void> {
  const seen = container.isolated();
  for (const isolator of [...container.isolators].reverse()) {
    if (isolator.cleanup === undefined) continue;
    await withDeadline(host.effects.clock, isolator.cleanup(seen), {
      ms: DEADLINES.hookMs,
      expired: () => engineErrors.overdue({ what: `cleanup of ${isolator.name}`, ms: DEADLINES.hookMs }),
    });
  }
}
