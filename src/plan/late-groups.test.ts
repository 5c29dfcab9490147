import { expect, test } from 'vitest';
import type { CgroupPlacement, CgroupPlan } from '../model/launch-plan.ts';
import { groupChangeSteps, groupChanges, withMoreGroups } from './late-groups.ts';

const TRACKING = { path: '/v2/own/self', version: 2 } as const;
const CPUSET = { hierarchy: 'cpuset', version: 1, path: '/cpuset/own', controllers: ['cpuset'] } as const;
const join = (path: string) => ({ path, version: 1 }) as const;
const by = 'launcher';
const OWN: CgroupPlan = {
  ...{ hierarchy: 'v2', version: 2, path: '/v2/own', controllers: ['memory'] },
  knobs: [{ file: 'memory.max', value: '7', by: 'cgroups/memory' }],
};
const PLAN = { cgroups: [OWN], cgroupJoins: [{ ...join('/cpuset/shared'), by }] };
const SHARED: CgroupPlacement = { tracking: TRACKING, groups: [], joins: [join('/cpuset/shared')] };

test('in v1 a group of its own comes, all processes go there, and back before it goes', () => {
  const wanted = { tracking: TRACKING, groups: [CPUSET], joins: [join('/cpuset/own')] };
  const { before, after } = withMoreGroups(PLAN, { wanted, shared: SHARED });
  expect(after.cgroups).toEqual([OWN, { ...CPUSET, knobs: [] }]);
  expect(after.cgroupJoins).toEqual([{ ...join('/cpuset/own'), by }]);
  const steps = (from: typeof before, to: typeof before) =>
    groupChanges(from, to).flatMap((change) => groupChangeSteps({ tracking: TRACKING }, change));
  expect(steps(before, after)).toMatchObject([
    { op: 'make-cgroup', values: { path: '/cpuset/own' } },
    { op: 'move-processes', values: { tracking: '/v2/own', to: '/cpuset/own' } },
  ]);
  expect(steps(after, before)).toMatchObject([
    { op: 'move-processes', values: { tracking: '/v2/own', to: '/cpuset/shared' } },
    { op: 'remove-cgroup', values: { path: '/cpuset/own' } },
  ]);
});

test('in v2 the controller is enabled above the group that is there, and stays', () => {
  const enabling = { controllers: ['cpuset'], parents: ['/v2', '/v2/above'] };
  const group = { hierarchy: 'v2', version: 2, path: '/v2/own', controllers: ['cpuset'], enabling } as const;
  const { before, after } = withMoreGroups(PLAN, { wanted: { ...SHARED, groups: [group] }, shared: SHARED });
  expect(after).toEqual({ ...PLAN, cgroups: [{ ...OWN, controllers: ['memory', 'cpuset'], enabling }] });
  const [change, ...others] = groupChanges(before, after);
  if (change === undefined) throw new Error('nothing is changed');
  expect(others).toEqual([]);
  expect(groupChangeSteps({ tracking: TRACKING }, change).map(({ values }) => values.path)).toEqual([
    ...['/v2/cgroup.subtree_control', '/v2/above/cgroup.subtree_control', '/v2/own'],
  ]);
  const back = groupChanges(after, before);
  expect(back.flatMap((one) => groupChangeSteps({ tracking: TRACKING }, one))).toEqual([]);
});

test('a hierarchy that was mounted after the launch is one that it has no group in', () => {
  const wanted = { tracking: TRACKING, groups: [CPUSET], joins: [join('/cpuset/own')] };
  const { before, after } = withMoreGroups({ ...PLAN, cgroupJoins: [] }, { wanted, shared: SHARED });
  expect(groupChanges(before, after)).toMatchObject([
    { kind: 'group' },
    { kind: 'processes', from: '/cpuset/shared', to: '/cpuset/own' },
  ]);
});

test('where it has a group of its own nobody moves', () => {
  const plan = { cgroups: [{ ...CPUSET, knobs: [] }], cgroupJoins: [{ ...join('/cpuset/own'), by }] };
  const wanted = { tracking: TRACKING, groups: [CPUSET], joins: [join('/cpuset/own')] };
  const { before, after } = withMoreGroups(plan, { wanted, shared: SHARED });
  expect([after, groupChanges(before, after)]).toEqual([plan, []]);
});
