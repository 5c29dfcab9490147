import { v2Controller } from '../linux/cgroup-hierarchy.ts';
import type { LaunchPlan, NamedContribution } from '../model/launch-plan.ts';
import type { IsolatedContainer, Isolator, PlanInput, UndoLog } from './isolator.ts';

/**
 * Prepares and asks every isolator, in order.
 *
 * @param isolators as `selectIsolators` gives them
 * @param input without `prepared`, which each isolator gets from itself
 * @param undo receives the undo of each effect on the host at once; unwind it when this rejects, and after `explain`
 */
export async function contribute(
  isolators: readonly Isolator[],
  input: PlanInput,
  undo: UndoLog,
): Promise<readonly NamedContribution[]> {
  const contributions: NamedContribution[] = [];
  for (const isolator of isolators) {
    const prepared = await isolator.prepare?.(input, undo);
    const own = prepared === undefined ? input : { ...input, prepared };
    contributions.push({ isolator: isolator.name, contribution: isolator.plan(own) });
  }
  return contributions;
}

/**
 * The container's own groups by controller, as the hooks after `plan` see them: v1 by the name of each hierarchy
 * (`cpu`, `cpuacct`; `blkio` as `io`), v2 by the controllers chosen.
 */
export function isolatedGroups(plan: Pick<LaunchPlan, 'cgroups'>): IsolatedContainer['groups'] {
  const entries = plan.cgroups.flatMap(({ path, version, hierarchy, controllers }) =>
    (version === 1 ? hierarchy.split(',').map(v2Controller) : controllers).map(
      (name) => [name, { path, version }] as const,
    ),
  );
  return Object.fromEntries(entries);
}
