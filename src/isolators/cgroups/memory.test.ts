import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import type { Resources } from '../../model/resources.ts';
import { briefOf, groupedContainer, HOST, HOST_V2, knobsOf } from '../isolator.fixture.ts';
import { cgroupsMemory } from './memory.ts';

const MIB = 1 << 20;
const LIMIT = { memoryLimitBytes: 64 * MIB };

test.each<[string, Resources, readonly string[], readonly string[]]>([
  [
    'a limit, without swap',
    LIMIT,
    ['memory.limit_in_bytes=67108864', 'memory.memsw.limit_in_bytes=67108864'],
    ['memory.max=67108864', 'memory.swap.max=0'],
  ],
  [
    'a limit with swap beyond it',
    { ...LIMIT, memorySwapBytes: 96 * MIB },
    ['memory.limit_in_bytes=67108864', 'memory.memsw.limit_in_bytes=100663296'],
    ['memory.max=67108864', 'memory.swap.max=33554432'],
  ],
  [
    'a limit with any amount of swap',
    { ...LIMIT, memorySwapBytes: -1 },
    ['memory.limit_in_bytes=67108864', 'memory.memsw.limit_in_bytes=-1'],
    ['memory.max=67108864', 'memory.swap.max=max'],
  ],
  ['a reservation', { memoryReservationBytes: MIB }, ['memory.soft_limit_in_bytes=1048576'], ['memory.low=1048576']],
])('%s is said in both versions', (_, resources, v1, v2) => {
  expect(knobsOf(cgroupsMemory, resources)).toEqual(v1);
  expect(knobsOf(cgroupsMemory, resources, { host: HOST_V2 })).toEqual(v2);
});

test.each<[Resources, typeof HOST, readonly string[]]>([
  [{ memorySwappiness: 0 }, HOST, ['memory.swappiness=0']],
  [
    { ...LIMIT, oomKillDisabled: true },
    { ...HOST, cgroupFeatures: [] },
    ['memory.limit_in_bytes=67108864', 'memory.oom_control=1'],
  ],
  [{ memoryHighBytes: 32 * MIB, memoryOomGroup: true }, HOST_V2, ['memory.high=33554432', 'memory.oom.group=1']],
])('%j is what one version has', (resources, host, knobs) => {
  expect(knobsOf(cgroupsMemory, resources, { host })).toEqual(knobs);
});

test.each<[Resources, typeof HOST, string]>([
  [{ memoryHighBytes: 32 * MIB }, HOST, 'a memory throttle limit exists in cgroup v2 only'],
  [{ memoryOomGroup: true }, HOST, 'the OOM group kill exists in cgroup v2 only'],
  [{ memorySwappiness: 0 }, HOST_V2, 'a swappiness exists in cgroup v1 only'],
  [{ ...LIMIT, oomKillDisabled: true }, HOST_V2, 'the OOM killer switched off exists in cgroup v1 only'],
])('%j is refused by name where the version lacks it', (resources, host, message) => {
  expect(() => knobsOf(cgroupsMemory, resources, { host })).toThrow(message);
});

test('a host that cannot bound swap bounds memory alone, unless swap was asked for', () => {
  for (const [host, knob] of [
    [HOST, 'memory.limit_in_bytes'],
    [HOST_V2, 'memory.max'],
  ] as const) {
    const without = { host: { ...host, cgroupFeatures: [] } };
    expect(knobsOf(cgroupsMemory, LIMIT, without)).toEqual([`${knob}=67108864`]);
    expect(() => knobsOf(cgroupsMemory, { ...LIMIT, memorySwapBytes: -1 }, without)).toThrow(
      'a bound of memory and swap was asked for',
    );
  }
});

const V1 = {
  '/cg/memory/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n',
  '/cg/memory/memory.limit_in_bytes': '67108864\n',
  '/cg/memory/memory.max_usage_in_bytes': '67108864\n',
  '/cg/memory/memory.usage_in_bytes': '4096\n',
  '/cg/memory/memory.stat':
    'cache 1\ntotal_cache 8192\ntotal_rss 100\ntotal_shmem 4\ntotal_swap 3\ntotal_pgmajfault 2\n',
};
const V2 = {
  '/cg/memory/memory.events': 'low 0\nhigh 5\nmax 9\noom 1\noom_kill 2\n',
  '/cg/memory/memory.max': 'max\n',
  '/cg/memory/memory.current': '4096\n',
  '/cg/memory/memory.peak': '8192\n',
  '/cg/memory/memory.swap.current': '3\n',
  '/cg/memory/memory.stat': 'anon 100\nfile 8192\nshmem 4\npgmajfault 2\n',
};

test('v1 tells that the memory limit was hit, with limit, peak and the statistics of that moment', async () => {
  expect(await cgroupsMemory({ files: memoryFiles(V1) }).limitation?.(groupedContainer(1))).toEqual({
    isolator: 'cgroups/memory',
    resource: 'memory',
    times: 1,
    message: 'the memory limit of 64 MiB was hit: 1 process was killed by the kernel, peak use 64 MiB',
    statistics: {
      ...{ memoryBytes: 4096, memoryLimitBytes: 67108864, memoryPeakBytes: 67108864, memoryKilledProcesses: 1 },
      ...{ memoryAnonymousBytes: 100, memoryFileBytes: 8192, memorySharedBytes: 4, memorySwapBytes: 3 },
      ...{ memoryMajorFaults: 2 },
    },
  });
});

test('v2 tells of a kill without a limit of its own', async () => {
  const limitation = await cgroupsMemory({ files: memoryFiles(V2) }).limitation?.(groupedContainer(2));
  expect(limitation?.message).toBe('memory ran out on the host: 2 processes were killed by the kernel, peak use 8 KiB');
  expect(limitation?.statistics).toMatchObject({ memoryLimitHits: 9, memoryHighHits: 5, memoryKilledProcesses: 2 });
});

test('a kill far below its own limit is told as one from outside', async () => {
  const files = memoryFiles({ ...V1, '/cg/memory/memory.max_usage_in_bytes': '33554432\n' });
  const limitation = await cgroupsMemory({ files }).limitation?.(groupedContainer(1));
  expect(limitation?.message).toBe('memory ran out on the host: 1 process was killed by the kernel, peak use 32 MiB');
});

test('a group in which nobody was killed has hit nothing', async () => {
  const files = memoryFiles({ ...V1, '/cg/memory/memory.oom_control': 'oom_kill 0\n' });
  expect(await cgroupsMemory({ files }).limitation?.(groupedContainer(1))).toBeUndefined();
});

test('usage is the same in both versions, without what is unbounded', async () => {
  const kinds = { memoryAnonymousBytes: 100, memoryFileBytes: 8192, memorySharedBytes: 4, memoryMajorFaults: 2 };
  expect(await cgroupsMemory({ files: memoryFiles(V1) }).usage?.(groupedContainer(1))).toEqual({
    ...{ memoryBytes: 4096, memoryLimitBytes: 67108864, memoryPeakBytes: 67108864, memoryKilledProcesses: 1 },
    ...{ ...kinds, memorySwapBytes: 3 },
  });
  expect(await cgroupsMemory({ files: memoryFiles(V2) }).usage?.(groupedContainer(2))).toEqual({
    ...{ memoryBytes: 4096, memoryPeakBytes: 8192, memoryKilledProcesses: 2, memorySwapBytes: 3 },
    ...kinds,
  });
});

test('in brief it is two files, with the limit that was asked for', async () => {
  const kinds = { memoryAnonymousBytes: 100, memoryFileBytes: 8192, memorySharedBytes: 4, memoryMajorFaults: 2 };
  for (const [version, all] of [
    [1, V1],
    [2, V2],
  ] as const) {
    const files = memoryFiles(all);
    const told = await briefOf(cgroupsMemory({ files }), files, groupedContainer(version, LIMIT));
    expect(told.values).toMatchObject({ memoryBytes: 4096, memoryLimitBytes: 64 * MIB, ...kinds });
    expect(told.fileCount).toBe(2);
  }
});

test.each([
  [1, LIMIT, { kind: 'outOfMemory', path: '/cg/memory' }],
  [2, LIMIT, { kind: 'events', path: '/cg/memory/memory.events' }],
  [1, {}, undefined],
  [2, {}, undefined],
] as const)('a group of v%i with %j is watched where it has a limit', (version, resources, source) => {
  expect(cgroupsMemory({ files: memoryFiles({}) }).watch?.(groupedContainer(version, resources))).toEqual(source);
});

test('in v2 what was killed in the containers in a container is not its own', async () => {
  const nested = { ...V2, '/cg/memory/nested/memory.events': 'oom_kill 2\n' };
  expect(await cgroupsMemory({ files: memoryFiles(nested) }).limitation?.(groupedContainer(2))).toBeUndefined();
  const one = { ...V2, '/cg/memory/nested/memory.events': 'oom_kill 1\n' };
  expect(await cgroupsMemory({ files: memoryFiles(one) }).limitation?.(groupedContainer(2))).toMatchObject({
    times: 1,
  });
  const first = { ...V1, '/cg/memory/nested/memory.events': 'oom_kill 1\n' };
  expect(await cgroupsMemory({ files: memoryFiles(first) }).limitation?.(groupedContainer(1))).toMatchObject({
    times: 1,
  });
});
