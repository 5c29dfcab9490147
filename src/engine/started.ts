import { withDeadline } from '../base/deadline.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import { DEADLINES, type EngineHost } from './host.ts';

/**
 * Lets isolators do what they do once the command runs, in order.
 *
 * @throws {EngineError} what one of them refuses, `engine.overdue`: the launch has failed
 */
export async function runStarted(host: EngineHost, container: Container): Promise<void> {
  const seen = container.isolated();
  for (const isolator of container.isolators) {
    if (isolator.started === undefined) continue;
    await withDeadline(host.effects.clock, isolator.started(seen), {
      ms: DEADLINES.launchMs,
      expired: () =>
        engineErrors.overdue({ what: `what ${isolator.name} does after the start`, ms: DEADLINES.launchMs }),
      signal: container.cancelled,
    });
  }
}
