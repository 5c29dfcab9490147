import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { HOST, HOST_V2, isolatedContainer, planInput } from '../isolator.fixture.ts';
import { cgroupsCpu } from './cpu.ts';
import { cgroupsMemory } from './memory.ts';
import { cgroupsPids } from './pids.ts';

const NO_FILES = { files: memoryFiles({}) };
const LIMITS = { cpuMillis: 1500, memoryLimitBytes: 64 << 20, pidsLimit: 32 };
const knobsOf = (make: typeof cgroupsCpu, host = HOST, resources: object = LIMITS) =>
  make(NO_FILES)
    .plan(planInput({ resources }, { host }))
    .cgroup?.knobs.map(({ file, value }) => `${file}=${value}`);

test.each([
  ['cpu', cgroupsCpu, ['cpu.cfs_period_us=100000', 'cpu.cfs_quota_us=150000']],
  ['memory', cgroupsMemory, ['memory.limit_in_bytes=67108864', 'memory.memsw.limit_in_bytes=67108864']],
  ['pids', cgroupsPids, ['pids.max=32']],
])('v1 bounds %s', (_, make, knobs) => {
  expect(knobsOf(make)).toEqual(knobs);
});

test.each([
  ['cpu', cgroupsCpu, ['cpu.max=150000 100000']],
  ['memory', cgroupsMemory, ['memory.max=67108864', 'memory.swap.max=0']],
  ['pids', cgroupsPids, ['pids.max=32']],
])('v2 bounds %s', (_, make, knobs) => {
  expect(knobsOf(make, HOST_V2)).toEqual(knobs);
});

test('a host that cannot bound swap bounds memory alone', () => {
  expect(knobsOf(cgroupsMemory, { ...HOST, cgroupFeatures: [] })).toEqual(['memory.limit_in_bytes=67108864']);
  expect(knobsOf(cgroupsMemory, { ...HOST_V2, cgroupFeatures: [] })).toEqual(['memory.max=67108864']);
});

test.each([cgroupsCpu, cgroupsMemory, cgroupsPids])('without a limit there is a group, to account', (make) => {
  expect(knobsOf(make, HOST, {})).toEqual([]);
});

test.each([cgroupsCpu, cgroupsMemory, cgroupsPids])('a controller that the host lacks is refused', (make) => {
  const { name } = make(NO_FILES);
  expect(() => knobsOf(make, { ...HOST, controllers: {} })).toThrow(`${name} needs the cgroup controller`);
});

test('more CPUs than the host has are refused with both numbers', () => {
  expect(() => knobsOf(cgroupsCpu, HOST, { cpuMillis: 2500 })).toThrow('2.5 CPUs was asked for, and this host has 2');
});

const container = (version: 1 | 2) => {
  const group = (name: string) => ({ path: `/cg/${name}`, version });
  return isolatedContainer({
    cpu: group('cpu'),
    cpuacct: group('cpuacct'),
    memory: group('memory'),
    pids: group('pids'),
  });
};

const MEMORY1 = {
  '/cg/memory/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n',
  '/cg/memory/memory.limit_in_bytes': '67108864\n',
  '/cg/memory/memory.max_usage_in_bytes': '67108864\n',
  '/cg/memory/memory.usage_in_bytes': '4096\n',
};
const MEMORY2 = {
  '/cg/memory/memory.events': 'low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\n',
  '/cg/memory/memory.max': 'max\n',
  '/cg/memory/memory.current': '4096\n',
  '/cg/memory/memory.peak': '8192\n',
};

test('v1 tells that the memory limit was hit, with limit and peak', async () => {
  const limitation = await cgroupsMemory({ files: memoryFiles(MEMORY1) }).limitation?.(container(1));
  expect(limitation).toEqual({
    isolator: 'cgroups/memory',
    resource: 'memory',
    message: 'the memory limit of 64 MiB was hit: 1 process was killed by the kernel, peak use 64 MiB',
  });
});

test('v2 tells of a kill without a limit of its own', async () => {
  const limitation = await cgroupsMemory({ files: memoryFiles(MEMORY2) }).limitation?.(container(2));
  expect(limitation?.message).toBe('memory ran out on the host: 2 processes were killed by the kernel, peak use 8 KiB');
});

test('a group in which nobody was killed has hit nothing', async () => {
  const files = memoryFiles({ ...MEMORY1, '/cg/memory/memory.oom_control': 'oom_kill 0\n' });
  expect(await cgroupsMemory({ files }).limitation?.(container(1))).toBeUndefined();
});

test('pids tells how often the kernel refused', async () => {
  const files = memoryFiles({ '/cg/pids/pids.events': 'max 3\n', '/cg/pids/pids.max': '32\n' });
  const limitation = await cgroupsPids({ files }).limitation?.(container(1));
  expect(limitation?.message).toBe('the limit of 32 processes was hit: 3 times the kernel refused another process');
});

test('memory usage is the same in both versions, without what is unbounded', async () => {
  expect(await cgroupsMemory({ files: memoryFiles(MEMORY1) }).usage?.(container(1))).toEqual({
    ...{ memoryBytes: 4096, memoryLimitBytes: 67108864, memoryPeakBytes: 67108864, memoryKilledProcesses: 1 },
  });
  expect(await cgroupsMemory({ files: memoryFiles(MEMORY2) }).usage?.(container(2))).toEqual({
    ...{ memoryBytes: 4096, memoryPeakBytes: 8192, memoryKilledProcesses: 2 },
  });
});

test('cpu usage is in nanoseconds in both versions', async () => {
  const v1 = memoryFiles({
    '/cg/cpu/cpu.stat': 'nr_periods 5\nnr_throttled 2\nthrottled_time 3000\n',
    '/cg/cpuacct/cpuacct.usage': '7000\n',
  });
  const v2 = memoryFiles({
    '/cg/cpu/cpu.stat': 'usage_usec 7\nnr_periods 5\nnr_throttled 2\nthrottled_usec 3\n',
  });
  const expected = { cpuUsageNs: 7000, cpuPeriods: 5, cpuThrottledPeriods: 2, cpuThrottledNs: 3000 };
  expect(await cgroupsCpu({ files: v1 }).usage?.(container(1))).toEqual(expected);
  expect(await cgroupsCpu({ files: v2 }).usage?.(container(2))).toEqual(expected);
});
