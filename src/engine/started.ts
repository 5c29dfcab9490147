import type { Container } from './container.ts';
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
    const { uid, cancelled: signal } = container;
    const step = { what: `what ${isolator.name} does after the start`, uid, ms: DEADLINES.launchMs, signal };
    await host.operations.within(step, isolator.started(seen));
  }
}
