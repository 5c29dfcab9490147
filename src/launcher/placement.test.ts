import { expect, test } from 'vitest';
import type { CgroupHierarchy } from '../linux/cgroup-hierarchy.ts';
import { instanceTree } from './group-tree.ts';
import { instanceName, placeContainer } from './placement.ts';

const v1 = (name: string): CgroupHierarchy => ({
  version: 1,
  mountPoint: `/sys/fs/cgroup/${name}`,
  controllers: [name],
});
const UNIFIED: CgroupHierarchy = { version: 2, mountPoint: '/sys/fs/cgroup/unified', controllers: ['hugetlb'] };
const HYBRID = [v1('cpu'), v1('cpuacct'), v1('memory'), v1('freezer'), UNIFIED];

test('a hybrid host tracks in v2 and limits in v1', () => {
  const placement = placeContainer(HYBRID, instanceTree('isopod-x'), { lineage: ['u'], controllers: ['memory'] });
  expect(placement.tracking).toEqual({
    path: '/sys/fs/cgroup/unified/isopod-x/containers/u/self',
    version: 2,
    levels: 2,
  });
  expect(placement.groups).toEqual([
    { hierarchy: 'memory', version: 1, path: '/sys/fs/cgroup/memory/isopod-x/containers/u', controllers: ['memory'] },
  ]);
});

test('a hierarchy that nobody chose is joined at the shared group, so that the caller is left everywhere', () => {
  const placement = placeContainer(HYBRID, instanceTree('isopod-x'), { lineage: ['u'], controllers: ['memory'] });
  expect(placement.joins.map(({ path }) => path)).toEqual([
    '/sys/fs/cgroup/cpu/isopod-x/containers',
    '/sys/fs/cgroup/cpuacct/isopod-x/containers',
    '/sys/fs/cgroup/memory/isopod-x/containers/u',
    '/sys/fs/cgroup/freezer/isopod-x/containers',
  ]);
});

test('cpu takes its accounting along', () => {
  const placement = placeContainer(HYBRID, instanceTree('isopod-x'), { lineage: ['u'], controllers: ['cpu'] });
  expect(placement.groups.map(({ hierarchy }) => hierarchy)).toEqual(['cpu', 'cpuacct']);
});

test('without v2 the freezer tracks, and is joined', () => {
  const placement = placeContainer([v1('freezer')], instanceTree('isopod-x'), { lineage: ['u'], controllers: [] });
  expect(placement.tracking).toEqual({ path: '/sys/fs/cgroup/freezer/isopod-x/containers/u', version: 1, levels: 1 });
  expect(placement.joins).toEqual([{ path: '/sys/fs/cgroup/freezer/isopod-x/containers/u', version: 1 }]);
});

test('a pure v2 host limits and tracks in one hierarchy and joins by birth', () => {
  const v2 = { version: 2, mountPoint: '/sys/fs/cgroup', controllers: ['cpu', 'memory', 'pids'] } as const;
  const placement = placeContainer([v2], instanceTree('isopod-x'), { lineage: ['u'], controllers: ['memory', 'cpu'] });
  expect(placement.groups).toHaveLength(1);
  expect(placement.joins).toEqual([]);
});

test('a nested container has its groups below those of its parent, in every hierarchy', () => {
  const parent = placeContainer(HYBRID, instanceTree('isopod-x'), { lineage: ['p'], controllers: ['memory'] });
  const around = parent.joins;
  const placement = placeContainer(HYBRID, instanceTree('isopod-x'), {
    lineage: ['p', 'u'],
    controllers: ['memory', 'cpu'],
    around,
  });
  expect(placement.tracking).toEqual({
    ...{ path: '/sys/fs/cgroup/unified/isopod-x/containers/p/nested/u/self', version: 2, levels: 3 },
  });
  const group = (name: string) => placement.groups.find(({ hierarchy }) => hierarchy === name);
  expect(group('memory')).toMatchObject({
    path: '/sys/fs/cgroup/memory/isopod-x/containers/p/nested/u',
    above: ['/sys/fs/cgroup/memory/isopod-x/containers/p/nested'],
  });
  // The parent has none there, so all between is made.
  expect(group('cpu')?.above).toEqual([
    '/sys/fs/cgroup/cpu/isopod-x/containers/p',
    '/sys/fs/cgroup/cpu/isopod-x/containers/p/nested',
  ]);
});

test('where it has no groups of its own it is in those of its parent', () => {
  const around = placeContainer(HYBRID, instanceTree('isopod-x'), { lineage: ['p'], controllers: ['memory'] }).joins;
  const placement = placeContainer(HYBRID, instanceTree('isopod-x'), { lineage: ['p', 'u'], controllers: [], around });
  expect(placement.groups).toEqual([]);
  expect(placement.joins.map(({ path }) => path)).toEqual([
    '/sys/fs/cgroup/cpu/isopod-x/containers',
    '/sys/fs/cgroup/cpuacct/isopod-x/containers',
    '/sys/fs/cgroup/memory/isopod-x/containers/p',
    '/sys/fs/cgroup/freezer/isopod-x/containers',
  ]);
});

test('in v2 the groups of the parent give their children every controller that is wanted', () => {
  const v2 = { version: 2, mountPoint: '/sys/fs/cgroup', controllers: ['cpu', 'memory', 'pids'] } as const;
  const placement = placeContainer([v2], instanceTree('isopod-x'), {
    lineage: ['p', 'u'],
    controllers: ['memory', 'pids'],
  });
  const containers = '/sys/fs/cgroup/isopod-x/containers';
  expect(placement.groups[0]?.enabling).toEqual({
    controllers: ['memory', 'pids'],
    parents: ['/sys/fs/cgroup', '/sys/fs/cgroup/isopod-x', containers, `${containers}/p`, `${containers}/p/nested`],
  });
});

test('a controller that is not mounted is refused by name', () => {
  expect(() => placeContainer(HYBRID, instanceTree('isopod-x'), { lineage: ['u'], controllers: ['pids'] })).toThrow(
    'controller pids',
  );
});

test('two root directories have two instances', () => {
  const root = { device: 1n, inode: 2n, path: '/var/lib/isopod' };
  expect(instanceName(root)).not.toBe(instanceName({ ...root, inode: 3n }));
  expect(instanceName(root)).not.toBe(instanceName({ ...root, path: '/tmp/other' }));
});
