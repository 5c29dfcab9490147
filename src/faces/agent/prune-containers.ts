import { z } from 'zod';
import type { ContainerStatus, Engine } from '../../engine/facade.ts';
import { isErrorOfKind } from '../../model/error.ts';
import { hasLabels } from '../../model/label-filter.ts';
import { prunedAnswer } from './answer-schemas.ts';
import { type Call, defineRoute, json, type Route } from './router.ts';
import { volumePruneSchema } from './volume-schemas.ts';

const DEADLINE_MS = 10 * 60_000;

const pruneSchema = z.strictObject({
  /** Only those whose end came before this moment. */
  endedBeforeMs: z.number().int().nonnegative().optional(),
  labels: volumePruneSchema.shape.labels,
  withoutLabels: volumePruneSchema.shape.withoutLabels,
  /** With the volumes that were made for them. */
  volumes: z.boolean().optional(),
});

export interface ContainerPrune {
  readonly endedBeforeMs?: number | undefined;
  /** `key` or `key=value`; all must be there. */
  readonly labels: readonly string[];
  /** None of these may be there. */
  readonly withoutLabels?: readonly string[] | undefined;
}

export function pruneContainersRoute(): Route {
  return defineRoute({
    ...{ method: 'POST', path: '/v1/containers/prune', deadlineMs: DEADLINE_MS },
    needs: { role: 'operate', of: 'containers' },
    summary: 'Forgets the containers that have ended and that nothing is about to start again.',
    body: { schema: pruneSchema, where: 'prune' },
    answer: { kind: 'json', schema: prunedAnswer },
    handle: async ({ engine, body, signal }: Call<z.output<typeof pruneSchema>>) => {
      const { endedBeforeMs, labels = [], withoutLabels, volumes = false } = body;
      const found = prunable(await engine.list(), { endedBeforeMs, labels, withoutLabels });
      return json({ removed: await removeAll(engine, found, { volumes, signal }) });
    },
  });
}

/** Those that go, the innermost first. One whose own containers are not all among them stays, for they would go with it. Pure. */
export function prunable(
  list: readonly ContainerStatus[],
  { endedBeforeMs = Number.POSITIVE_INFINITY, labels, withoutLabels }: ContainerPrune,
): readonly ContainerStatus[] {
  const taken = new Set<string>();
  const innermostFirst = [...list].sort((one, other) => other.depth - one.depth);
  return innermostFirst.filter(({ uid, termination, restart, children, config }) => {
    const isOver = termination !== undefined && restart.nextAttemptAtMs === undefined;
    if (!isOver || termination.finishedAtMs >= endedBeforeMs || !children.every((child) => taken.has(child)))
      return false;
    if (!hasLabels(config.labels, { labels, withoutLabels })) return false;
    taken.add(uid);
    return true;
  });
}

/** One that has gone meanwhile, or runs again, is none of these any more. @returns the uids of those that were removed */
async function removeAll(
  engine: Engine,
  found: readonly ContainerStatus[],
  { volumes, signal }: { readonly volumes: boolean; readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const { uid } of found) {
    signal.throwIfAborted();
    try {
      await engine.remove(uid, { volumes });
      removed.push(uid);
    } catch (error) {
      if (!isErrorOfKind(error, 'not-found') && !isErrorOfKind(error, 'failed-precondition')) throw error;
    }
  }
  return removed;
}
