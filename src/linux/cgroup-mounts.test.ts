import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memoryFiles } from '../base/memory-files.fixture.ts';
import { cgroupHierarchies, readCgroupHierarchies } from './cgroup-mounts.ts';

const HYBRID = [
  '31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755',
  '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,xattr,cpu,cpuacct',
  '35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory',
  '40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd',
  '41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw',
].join('\n');

test('a hybrid host has v1 hierarchies by their controllers, and v2 with those that are left', () => {
  expect(cgroupHierarchies(HYBRID, 'hugetlb pids\n')).toEqual([
    { version: 1, mountPoint: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['cpu', 'cpuacct'] },
    { version: 1, mountPoint: '/sys/fs/cgroup/memory', controllers: ['memory'] },
    { version: 1, mountPoint: '/sys/fs/cgroup/systemd', controllers: ['name=systemd'] },
    { version: 2, mountPoint: '/sys/fs/cgroup/unified', controllers: ['hugetlb', 'pids'] },
  ]);
});

test('a second mount of a hierarchy, and a mount of a part of one, are left out', () => {
  const again = '50 1 0:32 / /mnt/memory rw - cgroup cgroup rw,memory';
  const part = '51 1 0:36 /isopod-x /mnt/pids rw - cgroup cgroup rw,pids';
  expect(cgroupHierarchies([HYBRID, again, part].join('\n'), '')).toHaveLength(4);
});

test('the host is read through the files port', async () => {
  const files = memoryFiles({
    '/proc/self/mountinfo': '30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate',
    '/sys/fs/cgroup/cgroup.controllers': 'cpu memory pids\n',
  });
  expect(await readCgroupHierarchies(files)).toEqual([
    { version: 2, mountPoint: '/sys/fs/cgroup', controllers: ['cpu', 'memory', 'pids'] },
  ]);
});

test('what every v2 group has by itself is told where no v1 hierarchy has it', async () => {
  const files = (hierarchy: number) =>
    memoryFiles({
      '/proc/self/mountinfo': '30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate',
      '/sys/fs/cgroup/cgroup.controllers': 'cpu\n',
      '/proc/cgroups': `#subsys_name\thierarchy\tnum_cgroups\tenabled\nperf_event\t${hierarchy}\t4\t1\n`,
    });
  expect((await readCgroupHierarchies(files(0)))[0]?.controllers).toEqual(['cpu', 'perf_event']);
  expect((await readCgroupHierarchies(files(3)))[0]?.controllers).toEqual(['cpu']);
});

test('no text makes the parsers fail', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(cgroupHierarchies(text, text)).toBeInstanceOf(Array);
    }),
  );
});
