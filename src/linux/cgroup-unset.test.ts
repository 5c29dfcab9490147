import { expect, test } from 'vitest';
import { amountOf, unsetValue } from './cgroup-unset.ts';

test.each<[1 | 2, string, string | undefined, string | undefined]>([
  [1, 'memory.limit_in_bytes', undefined, '-1'],
  [1, 'cpu.shares', undefined, '1024'],
  [1, 'hugetlb.2MB.limit_in_bytes', undefined, '-1'],
  [1, 'hugetlb.2MB.rsvd.limit_in_bytes', undefined, '-1'],
  [1, 'blkio.throttle.read_bps_device', '8:0', '8:0 0'],
  [1, 'cpuset.cpus', undefined, undefined],
  [2, 'cpu.max', undefined, 'max 100000'],
  [2, 'hugetlb.1GB.max', undefined, 'max'],
  [2, 'io.max', '8:0', '8:0 rbps=max wbps=max riops=max wiops=max'],
  [2, 'io.weight', '8:0', '8:0 default'],
  [2, 'io.weight', undefined, 'default 100'],
  [2, 'misc.max', 'sev', 'sev max'],
])('v%d %s of %s is unset by %j', (version, file, entry, value) => {
  expect(unsetValue(version, file, entry)).toBe(value);
});

test.each([
  ['max', Number.POSITIVE_INFINITY],
  ['-1', Number.POSITIVE_INFINITY],
  ['max 100000', Number.POSITIVE_INFINITY],
  ['50000 100000', 0.5],
  ['64\n', 64],
  ['8:0 rbps=1', undefined],
  ['', undefined],
])('%j allows %s', (value, amount) => {
  expect(amountOf(value)).toBe(amount);
});
