import { dirname } from 'node:path';
import type { CgroupPlacement, CgroupPlan, ControllerEnabling, LaunchPlan } from '../model/launch-plan.ts';
import { type Step, step } from '../model/wire.ts';
import { BY_LAUNCHER } from './compose.ts';
import { groupSteps } from './encode-cgroups.ts';

/** What a plan says of groups. */
export type PlannedGroups = Pick<LaunchPlan, 'cgroups' | 'cgroupJoins'>;

/** Something about the groups of a live container that is to be otherwise. */
export type GroupChange =
  | {
      /** v1: a group of its own comes or goes. v2, where it has one in any case: controllers come, and stay. */
      readonly kind: 'group';
      readonly by: string;
      readonly group: CgroupPlan;
      readonly isWanted: boolean;
    }
  | {
      /** All processes go from one group of a v1 hierarchy to another. */
      readonly kind: 'processes';
      readonly by: string;
      readonly from: string;
      readonly to: string;
    };

/** rmdir(2) of a group that was left a moment ago. */
const REMOVE_DEADLINE_MS = 2_000;
/** Each move of a process waits for all forks of the host that are under way: some 10 ms. */
const MOVE_DEADLINE_MS = 30_000;

/**
 * The groups of a live container with those of further controllers. In each v1 hierarchy where it has none of its own so
 * far, its processes are in the shared one.
 *
 * @param wanted where the further controllers place it
 * @param shared where it is placed without any
 * @returns both sides, with their joins in the same order
 */
export function withMoreGroups(
  plan: PlannedGroups,
  { wanted, shared }: { readonly wanted: CgroupPlacement; readonly shared: CgroupPlacement },
): { readonly before: PlannedGroups; readonly after: PlannedGroups } {
  const pairs = wanted.joins.map((own, index) => ({ own, shared: shared.joins[index] ?? own }));
  const moving = pairs.filter(
    (pair) => pair.own.path !== pair.shared.path && !plan.cgroupJoins.some(({ path }) => path === pair.own.path),
  );
  // A hierarchy that was mounted after the launch has it nowhere yet.
  const unknown = moving.filter((pair) => !plan.cgroupJoins.some(({ path }) => path === pair.shared.path));
  const joins = [...plan.cgroupJoins, ...unknown.map((pair) => ({ ...pair.shared, by: BY_LAUNCHER }))];
  const moved = joins.map((join) => {
    const pair = moving.find(({ shared: { path } }) => path === join.path);
    return pair === undefined ? join : { ...pair.own, by: BY_LAUNCHER };
  });
  const cgroups = plan.cgroups.map((group) => withControllers(group, wanted.groups));
  const more = wanted.groups.filter(({ path }) => !plan.cgroups.some((group) => group.path === path));
  return {
    before: { cgroups: plan.cgroups, cgroupJoins: joins },
    after: { cgroups: [...cgroups, ...more.map((group) => ({ ...group, knobs: [] }))], cgroupJoins: moved },
  };
}

function withControllers(group: CgroupPlan, wanted: CgroupPlacement['groups']): CgroupPlan {
  const found = wanted.find(({ path }) => path === group.path);
  if (found === undefined) return group;
  const controllers = [...new Set([...group.controllers, ...found.controllers])];
  const enabling = bothEnabling(group.enabling, found.enabling);
  return { ...group, controllers, ...(enabling && { enabling }) };
}

function bothEnabling(one?: ControllerEnabling, other?: ControllerEnabling): ControllerEnabling | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return { ...one, controllers: [...new Set([...one.controllers, ...other.controllers])] };
}

/** What is to be done about groups besides their knobs: a group that comes precedes them, and processes follow. */
export function groupChanges(before: PlannedGroups, after: PlannedGroups): readonly GroupChange[] {
  const comes = groupsOnlyIn(after, before).map((group) => ({ group, isWanted: true }));
  const goes = groupsOnlyIn(before, after).map((group) => ({ group, isWanted: false }));
  const groups = [...comes, ...goes].map(
    (change) => ({ kind: 'group', by: ownerOf(change.group), ...change }) as const,
  );
  const moves = after.cgroupJoins.flatMap(({ path: to }, index) => {
    const from = before.cgroupJoins[index]?.path ?? to;
    const own = [...comes, ...goes].find(({ group: { path } }) => path === from || path === to)?.group;
    return from === to
      ? []
      : [{ kind: 'processes', by: own === undefined ? BY_LAUNCHER : ownerOf(own), from, to } as const];
  });
  return [...groups.filter(({ isWanted }) => isWanted), ...moves, ...groups.filter(({ isWanted }) => !isWanted)];
}

function groupsOnlyIn({ cgroups }: PlannedGroups, others: PlannedGroups): readonly CgroupPlan[] {
  return cgroups.filter(({ path, controllers }) => {
    const other = others.cgroups.find((group) => group.path === path);
    return other === undefined || controllers.some((controller) => !other.controllers.includes(controller));
  });
}

function ownerOf({ knobs }: CgroupPlan): string {
  return knobs.at(-1)?.by ?? BY_LAUNCHER;
}

/** The host steps that make it so; they may be run again. */
export function groupChangeSteps({ tracking }: Pick<LaunchPlan, 'tracking'>, change: GroupChange): readonly Step[] {
  const { by } = change;
  if (change.kind === 'processes') {
    const below = tracking.version === 2 ? dirname(tracking.path) : tracking.path;
    return [step(by, 'move-processes', { tracking: below, to: change.to, deadlineMs: MOVE_DEADLINE_MS })];
  }
  if (change.isWanted) return groupSteps(change.group);
  // Others may limit by the controllers that were enabled for it (docs/adr/0040).
  if (change.group.version === 2) return [];
  return [step(by, 'remove-cgroup', { path: change.group.path, deadlineMs: REMOVE_DEADLINE_MS })];
}
