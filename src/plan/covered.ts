import type { LaunchPlan } from '../model/launch-plan.ts';
import { planErrors } from './errors.ts';
import { sourceOf } from './merge.ts';

/** Where the container's own groups are shown. */
export const CGROUP_VIEW = '/sys/fs/cgroup';

/**
 * Refuses mounts that later steps would lay something over: they would be asked for and never be seen.
 *
 * @throws {EngineError} `plan.conflict` (invalid-argument), naming both isolators
 */
export function checkCovered(plan: LaunchPlan): void {
  const view =
    plan.cgroupView === undefined ? [] : [{ path: CGROUP_VIEW, by: plan.cgroupView.by, value: 'its groups' }];
  const masks = plan.maskedPaths.map((masked) => ({ ...masked, value: 'hidden' }));
  for (const { mount, by } of plan.mounts) {
    const cover = [...view, ...masks].find(({ path }) => mount.target === path || mount.target.startsWith(`${path}/`));
    if (cover === undefined) continue;
    throw planErrors.conflict({
      field: `what is seen at ${mount.target}`,
      first: cover.by,
      firstValue: cover.value,
      second: by,
      secondValue: sourceOf(mount),
    });
  }
}
