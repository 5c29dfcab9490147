import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import { isAlive } from './state.ts';

/**
 * What a container uses now, from every isolator that counts something.
 *
 * @throws {EngineError} `engine.noGroups` (failed-precondition) when it does not run
 */
export async function usageOf(host: EngineHost, container: Container): Promise<Readonly<Record<string, number>>> {
  if (!isAlive(container.state)) {
    throw engineErrors.noGroups({ uid: container.uid, state: container.state });
  }
  const seen = container.isolated();
  const values = await Promise.all(
    container.isolators.map((isolator) => {
      if (isolator.usage === undefined) return {};
      const step = { what: `usage of ${isolator.name}`, uid: container.uid, ms: DEADLINES.hookMs };
      return host.operations.within(step, isolator.usage(seen));
    }),
  );
  return Object.assign({}, ...values);
}
