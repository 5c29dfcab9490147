import type { EngineHost } from './host.ts';
import type { LifeOperations } from './life-facade.ts';
import type { Operations } from './operations.ts';
import type { Restarts } from './restarts.ts';
import { restartContainer, startContainer } from './start.ts';
import { waitForCondition } from './wait-for.ts';

/** Calls about the further lives of containers. */
export function lifeOperations(
  host: EngineHost,
  {
    restarts,
    operations,
    closed,
  }: { readonly restarts: Restarts; readonly operations: Operations; readonly closed: AbortSignal },
): LifeOperations {
  const shown = <Result>(kind: 'start' | 'restart', id: string, work: () => Promise<Result>): Promise<Result> =>
    operations.run(() => host.operations.run({ kind, container: host.registry.get(id).uid }, work));
  return {
    start: (id, { owned = false, requestKey } = {}) =>
      shown('start', id, () => startContainer(host, restarts, { id, owned, requestKey })),
    restart: (id, graceMs, { requestKey } = {}) =>
      shown('restart', id, () => restartContainer(host, restarts, { id, graceMs, requestKey })),
    waitFor: async (id, condition, signal) => {
      closed.throwIfAborted();
      await waitForCondition(host, { id, condition }, ...(signal === undefined ? [closed] : [closed, signal]));
    },
  };
}
