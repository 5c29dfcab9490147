import { expect, test } from 'vitest';
import type { CgroupHierarchy } from './cgroup-hierarchy.ts';
import { isManagedBySystemd, slicePath, systemdLimitsVersion } from './systemd.ts';

const V2: CgroupHierarchy = { version: 2, mountPoint: '/2', controllers: [] };

function v1(...controllers: string[]): CgroupHierarchy {
  return { version: 1, mountPoint: '/1', controllers };
}

test.each([
  ['isopod.slice', ['isopod.slice']],
  ['a-b-c.slice', ['a.slice', 'a-b.slice', 'a-b-c.slice']],
])('%s is in %j', (slice, path) => {
  expect(slicePath(slice)).toEqual(path);
});

test('systemd has groups in v2, in its own hierarchy, and with its controllers of v1', () => {
  const managed = [
    V2,
    v1('name=systemd'),
    v1('cpu', 'cpuacct'),
    v1('devices'),
    v1('freezer'),
    v1('cpuset'),
    v1('net_cls'),
  ];
  expect(managed.map(isManagedBySystemd)).toEqual([true, true, true, true, false, false, false]);
});

test('limits are those of v1 wherever a controller of systemd is there, also beside a mount of v2', () => {
  expect(systemdLimitsVersion([V2])).toBe(2);
  expect(systemdLimitsVersion([V2, v1('name=systemd'), v1('freezer')])).toBe(2);
  expect(systemdLimitsVersion([V2, v1('memory')])).toBe(1);
});
