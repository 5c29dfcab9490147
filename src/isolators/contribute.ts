import { v2Controller } from '../linux/cgroup-hierarchy.ts';
import type { LaunchPlan, NamedContribution } from '../model/launch-plan.ts';
import type { IsolatedContainer, Isolator, PlanInput, PreparedFacts, UndoLog } from './isolator.ts';

/** What each isolator has found out itself, in the order of the isolators; null for one that prepares nothing. */
export type PreparedIsolators = readonly (PreparedFacts | null)[];

/** What goes with preparing. */
export interface PrepareAround {
  readonly undo: UndoLog;
  readonly during?: (isolator: string, work: Promise<PreparedFacts>) => Promise<PreparedFacts>;
}

/**
 * Prepares every isolator, in order.
 *
 * @param isolators as `selectIsolators` gives them
 * @param around.undo receives the undo of each effect on the host at once; unwind it when this rejects, and after `explain`
 * @param around.during shows what is waited for
 */
export async function prepareIsolators(
  isolators: readonly Isolator[],
  input: PlanInput,
  { undo, during = (_, work) => work }: PrepareAround,
): Promise<PreparedIsolators> {
  const prepared: (PreparedFacts | null)[] = [];
  for (const isolator of isolators) {
    if (isolator.prepare === undefined) prepared.push(null);
    else prepared.push(await during(isolator.name, isolator.prepare(input, undo)));
  }
  return prepared;
}

/**
 * Asks every isolator, in order; pure.
 *
 * @param input without `prepared`, which each isolator gets from itself
 */
export function contribute(
  isolators: readonly Isolator[],
  input: PlanInput,
  prepared: PreparedIsolators,
): readonly NamedContribution[] {
  return isolators.map((isolator, index) => {
    const own = prepared[index] ?? undefined;
    const contribution = isolator.plan(own === undefined ? input : { ...input, prepared: own });
    return { isolator: isolator.name, contribution };
  });
}

/**
 * The container's own groups by controller, as the hooks after `plan` see them: v1 by the name of each hierarchy
 * (`cpu`, `cpuacct`; `blkio` as `io`), v2 by the controllers chosen.
 */
export function isolatedGroups(plan: Pick<LaunchPlan, 'cgroups'>): IsolatedContainer['groups'] {
  const entries = plan.cgroups.flatMap(({ path, version, hierarchy, controllers, counters }) =>
    (version === 1 ? hierarchy.split(',').map(v2Controller) : controllers).map((name) => {
      const counted = name === 'perf_event' && counters !== undefined ? { counters: counters.events } : {};
      return [name, { path, version, ...counted }] as const;
    }),
  );
  return Object.fromEntries(entries);
}
