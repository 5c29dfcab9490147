import type { Container } from './container.ts';
import { DEADLINES, type EngineHost } from './host.ts';

/** Lets the isolators of a container release what they hold, in reverse order; idempotent. */
export async function cleanIsolators(host: EngineHost, container: Container): Promise<void> {
  const seen = container.isolated();
  for (const isolator of [...container.isolators].reverse()) {
    if (isolator.cleanup === undefined) continue;
    const step = { what: `cleanup of ${isolator.name}`, uid: container.uid, ms: DEADLINES.hookMs };
    await host.operations.within(step, isolator.cleanup(seen));
  }
}
