import type { LaunchPlan } from '../model/launch-plan.ts';
import type { IsolatedContainer } from './isolator.ts';

/**
 * The container's own groups by controller, as the hooks after `plan` see them: v1 by the name of each hierarchy
 * (`cpu`, `cpuacct`), v2 by the controllers chosen.
 */
export function isolatedGroups(plan: Pick<LaunchPlan, 'cgroups'>): IsolatedContainer['groups'] {
  const entries = plan.cgroups.flatMap(({ path, version, hierarchy, controllers }) =>
    (version === 1 ? hierarchy.split(',') : controllers).map((name) => [name, { path, version }] as const),
  );
  return Object.fromEntries(entries);
}
