import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { groupedContainer, HOST_V2, knobsOf } from '../isolator.fixture.ts';
import { cgroupsHugetlb } from './hugetlb.ts';

const resources = { hugePages: [{ pageSize: '2MB', limitBytes: 4 << 20 }] };

test('reservations and pages are bounded alike', () => {
  expect(knobsOf(cgroupsHugetlb, resources)).toEqual([
    'hugetlb.2MB.limit_in_bytes=4194304',
    'hugetlb.2MB.rsvd.limit_in_bytes=4194304',
  ]);
  expect(knobsOf(cgroupsHugetlb, resources, { host: HOST_V2 })).toEqual([
    'hugetlb.2MB.max=4194304',
    'hugetlb.2MB.rsvd.max=4194304',
  ]);
});

test('a size that the kernel lacks is refused with those it has', () => {
  const other = { hugePages: [{ pageSize: '16MB', limitBytes: 0 }] };
  expect(() => knobsOf(cgroupsHugetlb, other)).toThrow('huge pages of 16MB were asked for, and this host has no 16MB');
});

test('usage is told by size', async () => {
  const files = memoryFiles({ '/cg/hugetlb/hugetlb.2MB.current': '2097152\n' });
  expect(await cgroupsHugetlb({ files }).usage?.(groupedContainer(2, resources))).toEqual({
    hugePages2MBBytes: 2097152,
  });
});
