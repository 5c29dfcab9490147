import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import type { Resources } from '../../model/resources.ts';
import { briefOf, groupedContainer, HOST, HOST_V2, knobsOf } from '../isolator.fixture.ts';
import { cgroupsCpu } from './cpu.ts';

test.each<[string, Resources, readonly string[], readonly string[]]>([
  [
    'a limit in CPUs',
    { cpuMillis: 1500 },
    ['cpu.cfs_period_us=100000', 'cpu.cfs_quota_us=150000'],
    ['cpu.max=150000 100000'],
  ],
  ['a quota alone', { cpuQuotaUs: 20_000 }, ['cpu.cfs_quota_us=20000'], ['cpu.max=20000 100000']],
  ['a period alone', { cpuPeriodUs: 50_000 }, ['cpu.cfs_period_us=50000'], ['cpu.max=max 50000']],
  [
    'a quota with a burst',
    { cpuQuotaUs: 20_000, cpuPeriodUs: 50_000, cpuBurstUs: 10_000 },
    ['cpu.cfs_period_us=50000', 'cpu.cfs_quota_us=20000', 'cpu.cfs_burst_us=10000'],
    ['cpu.max=20000 50000', 'cpu.max.burst=10000'],
  ],
  ['shares', { cpuShares: 1024 }, ['cpu.shares=1024'], ['cpu.weight=100']],
  ['a weight', { cpuWeight: 10_000 }, ['cpu.shares=262144'], ['cpu.weight=10000']],
  ['an idle container', { cpuIdle: true }, ['cpu.idle=1'], ['cpu.idle=1']],
  ['a container that is not idle', { cpuIdle: false }, [], []],
])('%s is said in both versions', (_, resources, v1, v2) => {
  expect(knobsOf(cgroupsCpu, resources)).toEqual(v1);
  expect(knobsOf(cgroupsCpu, resources, { host: HOST_V2 })).toEqual(v2);
});

test.each<[Resources, string]>([
  [{ cpuMillis: 500, cpuBurstUs: 10 }, "a cpu burst was asked for, and this kernel's cgroups have no"],
  [{ cpuIdle: true }, "an idle cpu was asked for, and this kernel's cgroups have no cpu.idle"],
])('%j is refused by a kernel that is too old for it', (resources, message) => {
  for (const host of [HOST, HOST_V2]) {
    expect(() => knobsOf(cgroupsCpu, resources, { host: { ...host, cgroupFeatures: [] } })).toThrow(message);
  }
});

test('more CPUs than the host has are refused with both numbers', () => {
  expect(() => knobsOf(cgroupsCpu, { cpuMillis: 2500 })).toThrow('2.5 CPUs was asked for, and this host has 2');
});

test('usage is in nanoseconds in both versions', async () => {
  const v1 = memoryFiles({
    '/cg/cpu/cpu.stat': 'nr_periods 5\nnr_throttled 2\nthrottled_time 3000\nnr_bursts 1\nburst_time 4000\n',
    '/cg/cpuacct/cpuacct.usage': '70000000\n',
    '/cg/cpuacct/cpuacct.stat': 'user 6\nsystem 1\n',
  });
  const v2 = memoryFiles({
    '/cg/cpu/cpu.stat':
      'usage_usec 70000\nuser_usec 60000\nsystem_usec 10000\nnr_periods 5\nnr_throttled 2\nthrottled_usec 3\nnr_bursts 1\nburst_usec 4\n',
  });
  const expected = {
    ...{
      cpuUsageNs: 70_000_000,
      cpuUserNs: 60_000_000,
      cpuSystemNs: 10_000_000,
      cpuPeriods: 5,
      cpuThrottledPeriods: 2,
    },
    ...{ cpuThrottledNs: 3000, cpuBursts: 1, cpuBurstNs: 4000 },
  };
  expect(await cgroupsCpu({ files: v1 }).usage?.(groupedContainer(1))).toEqual(expected);
  expect(await cgroupsCpu({ files: v2 }).usage?.(groupedContainer(2))).toEqual(expected);
});

test('in brief v1 reads what a quota did only where there is a quota', async () => {
  const files = memoryFiles({
    '/cg/cpu/cpu.stat': 'nr_periods 5\nnr_throttled 2\n',
    '/cg/cpuacct/cpuacct.usage': '70000000\n',
  });
  const isolator = cgroupsCpu({ files });
  expect(await briefOf(isolator, files, groupedContainer(1))).toEqual({
    values: { cpuUsageNs: 70_000_000 },
    fileCount: 2,
  });
  expect(await briefOf(isolator, files, groupedContainer(1, { cpuMillis: 500 }))).toEqual({
    values: { cpuUsageNs: 70_000_000, cpuPeriods: 5, cpuThrottledPeriods: 2 },
    fileCount: 3,
  });
});

test('in brief v2 is one file, and tells all of it', async () => {
  const files = memoryFiles({ '/cg/cpu/cpu.stat': 'usage_usec 70000\nuser_usec 60000\nsystem_usec 10000\n' });
  const isolator = cgroupsCpu({ files });
  const values = await isolator.usage?.(groupedContainer(2));
  expect(values).toEqual({ cpuUsageNs: 70_000_000, cpuUserNs: 60_000_000, cpuSystemNs: 10_000_000 });
  expect(await briefOf(isolator, files, groupedContainer(2))).toEqual({ values, fileCount: 1 });
});
