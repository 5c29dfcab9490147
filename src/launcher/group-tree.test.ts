import { expect, test } from 'vitest';
import type { CgroupHierarchy } from '../linux/cgroup-hierarchy.ts';
import { instanceTree, scopeTree } from './group-tree.ts';
import { placeContainer } from './placement.ts';

const UID = '0123456789ab';
const INSTANCE = 'isopod-0a1b2c3d4e5f';
const SCOPE = `${INSTANCE}-${UID}.scope`;

function v1(...controllers: string[]): CgroupHierarchy {
  return { version: 1, mountPoint: `/cg/${controllers.join(',')}`, controllers };
}

const UNIFIED: CgroupHierarchy = { version: 2, mountPoint: '/cg', controllers: ['cpu', 'cpuset', 'memory'] };
const HYBRID = [
  { version: 2, mountPoint: '/cg/unified', controllers: [] } as const,
  ...[v1('memory'), v1('cpuset'), v1('name=systemd'), v1('freezer')],
];

test('in v2 a container is below its scope, and what limits need is enabled down to it', () => {
  const tree = scopeTree(INSTANCE, 'machine-isopod.slice');
  const placement = placeContainer([UNIFIED], tree, { lineage: [UID], controllers: ['memory', 'cpuset'] });
  const slices = '/cg/machine.slice/machine-isopod.slice';
  expect(placement.tracking).toEqual({ path: `${slices}/${SCOPE}/container/self`, version: 2, levels: 2 });
  expect(placement.groups).toEqual([
    {
      ...{ hierarchy: 'v2', version: 2, path: `${slices}/${SCOPE}/container`, controllers: ['memory', 'cpuset'] },
      enabling: { controllers: ['cpuset'], parents: ['/cg', '/cg/machine.slice', slices, `${slices}/${SCOPE}`] },
    },
  ]);
});

test('in v1 groups are below the scope where systemd has one, chosen or not, and the others are where they always are', () => {
  const tree = scopeTree(INSTANCE, 'isopod.slice');
  const { tracking, joins } = placeContainer(HYBRID, tree, { lineage: [UID], controllers: ['memory', 'cpuset'] });
  expect(tracking.path).toBe(`/cg/unified/isopod.slice/${SCOPE}/container/self`);
  expect(joins.map(({ path }) => path)).toEqual([
    `/cg/memory/isopod.slice/${SCOPE}/container`,
    `/cg/cpuset/${INSTANCE}/containers/${UID}`,
    `/cg/name=systemd/isopod.slice/${SCOPE}`,
    `/cg/freezer/${INSTANCE}/containers`,
  ]);
});

test('a nested container is below the scope of the outermost one, which gives controllers down to it', () => {
  const tree = scopeTree(INSTANCE, 'isopod.slice');
  const nested = placeContainer([UNIFIED], tree, { lineage: [UID, 'c'], controllers: ['memory'] });
  const own = `/cg/isopod.slice/${SCOPE}/container`;
  expect(nested.tracking.path).toBe(`${own}/nested/c/self`);
  expect(nested.groups[0]?.enabling).toEqual({
    controllers: ['memory'],
    parents: ['/cg', '/cg/isopod.slice', `/cg/isopod.slice/${SCOPE}`, own, `${own}/nested`],
  });
  const around = placeContainer(HYBRID, tree, { lineage: [UID], controllers: [] }).joins;
  const v1 = placeContainer(HYBRID, tree, { lineage: [UID, 'c'], controllers: ['memory'], around });
  expect(v1.groups[0]).toMatchObject({
    path: `/cg/memory/isopod.slice/${SCOPE}/container/nested/c`,
    above: [`/cg/memory/isopod.slice/${SCOPE}/container`, `/cg/memory/isopod.slice/${SCOPE}/container/nested`],
  });
  expect(v1.joins.map(({ path }) => path)).toEqual([
    `/cg/memory/isopod.slice/${SCOPE}/container/nested/c`,
    `/cg/cpuset/${INSTANCE}/containers`,
    `/cg/name=systemd/isopod.slice/${SCOPE}`,
    `/cg/freezer/${INSTANCE}/containers`,
  ]);
});

test('containers are found again by their groups, and those of other instances are not ours', () => {
  const scopes = scopeTree(INSTANCE, 'isopod.slice').listing(UNIFIED);
  expect(scopes.directory).toBe('/cg/isopod.slice');
  expect([SCOPE, `isopod-ffffffffffff-${UID}.scope`, `${INSTANCE}-x.scope`, 'cgroup.procs'].map(scopes.uidOf)).toEqual([
    ...[UID, undefined, undefined, undefined],
  ]);
  const groups = instanceTree(INSTANCE).listing(UNIFIED);
  expect([groups.directory, groups.uidOf(UID), groups.uidOf('x')]).toEqual([
    ...[`/cg/${INSTANCE}/containers`, UID, undefined],
  ]);
});
