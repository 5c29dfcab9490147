import { expect, test } from 'vitest';
import { memoryFiles } from '../base/memory-files.fixture.ts';
import type { CgroupHierarchy } from './cgroup-hierarchy.ts';
import { readHostFacts } from './host-facts.ts';

const PROC = {
  '/proc/sys/kernel/hostname': 'box\n',
  '/proc/sys/kernel/osrelease': '6.18.5-foo\n',
  '/sys/devices/system/cpu/online': '0-1\n',
  '/proc/sys/kernel/cap_last_cap': '40\n',
  '/proc/self/status': 'CapPrm:\t0000000000000003\nCapBnd:\t0000000000000006\n',
};
const MEMORY1: CgroupHierarchy = { version: 1, mountPoint: '/cg/memory', controllers: ['memory'] };
const SYSTEMD: CgroupHierarchy = { version: 1, mountPoint: '/cg/systemd', controllers: ['name=systemd'] };
const V2: CgroupHierarchy = { version: 2, mountPoint: '/cg', controllers: ['cpu', 'memory'] };

test('only what is both permitted and bounding can be handed out', async () => {
  const facts = await readHostFacts(memoryFiles(PROC), { hierarchies: [], launcher: 'linux' });
  expect(facts).toEqual({
    launcher: 'linux',
    uid: 0,
    hostname: 'box',
    cpuCount: 2,
    cpuList: '0-1',
    memoryNodeList: '0',
    controllers: {},
    cgroupFeatures: [],
    hugePageSizes: [],
    kernel: { major: 6, minor: 18 },
    architecture: expect.stringMatching(/^(x86_64|aarch64)$/),
    hasSeccomp: false,
    labelAttributes: {},
    lastCapability: 40,
    availableCapabilities: ['DAC_OVERRIDE'],
    boundingCapabilities: ['DAC_OVERRIDE', 'DAC_READ_SEARCH'],
  });
});

test('a kernel with filters lists the actions that they may take', async () => {
  const files = memoryFiles({ ...PROC, '/proc/sys/kernel/seccomp/actions_avail': 'kill_process allow\n' });
  expect((await readHostFacts(files, { hierarchies: [], launcher: 'linux' })).hasSeccomp).toBe(true);
});

test('a v1 host that can bound swap says so, and named hierarchies are no controllers', async () => {
  const files = memoryFiles({ ...PROC, '/cg/memory/memory.memsw.limit_in_bytes': '0' });
  const facts = await readHostFacts(files, { hierarchies: [MEMORY1, SYSTEMD], launcher: 'linux' });
  expect(facts.controllers).toEqual({ memory: 1 });
  expect(facts.cgroupFeatures).toEqual(['memory.memsw.limit_in_bytes']);
});

test('a v2 host shows its swap knob in any group but the root', async () => {
  const files = memoryFiles({ ...PROC, '/cg/cgroup.procs': '', '/cg/init.scope/memory.swap.max': 'max' });
  const facts = await readHostFacts(files, { hierarchies: [V2], launcher: 'linux' });
  expect(facts.controllers).toEqual({ cpu: 2, memory: 2 });
  expect(facts.cgroupFeatures).toEqual(['memory.swap.max']);
});

test('a host that cannot bound swap has no such feature', async () => {
  expect(
    (
      await readHostFacts(memoryFiles({ ...PROC, '/cg/memory/tasks': '' }), {
        hierarchies: [MEMORY1],
        launcher: 'linux',
      })
    ).cgroupFeatures,
  ).toEqual([]);
});

test('v1 names of controllers are told as those of v2, and cpuset says what can be given', async () => {
  const files = memoryFiles({
    ...PROC,
    '/cg/cpuset/cpuset.effective_cpus': '1\n',
    '/cg/cpuset/cpuset.effective_mems': '0-1\n',
  });
  const hierarchies = [
    { version: 1, mountPoint: '/cg/blkio', controllers: ['blkio'] },
    { version: 1, mountPoint: '/cg/cpuset', controllers: ['cpuset'] },
  ] as const;
  const facts = await readHostFacts(files, { hierarchies, launcher: 'linux' });
  expect(facts.controllers).toEqual({ io: 1, cpuset: 1 });
  expect(facts).toMatchObject({ cpuList: '1', memoryNodeList: '0-1' });
});

test('sizes of huge pages are told as cgroup files name them', async () => {
  const sizes = Object.fromEntries(
    ['64kB', '2048kB', '1048576kB'].map((size) => [`/sys/kernel/mm/hugepages/hugepages-${size}/nr_hugepages`, '0']),
  );
  const facts = await readHostFacts(memoryFiles({ ...PROC, ...sizes }), { hierarchies: [], launcher: 'linux' });
  expect(facts.hugePageSizes).toEqual(['64KB', '2MB', '1GB']);
});
