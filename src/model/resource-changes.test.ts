import { expect, test } from 'vitest';
import { changedResources } from './resource-changes.ts';

test('a value sets a bound, null takes one away, what is not named stays', () => {
  const resources = { memoryLimitBytes: 1, cpuMillis: 2, pidsLimit: 3 };
  expect(changedResources(resources, { memoryLimitBytes: 9, pidsLimit: null })).toEqual({
    memoryLimitBytes: 9,
    cpuMillis: 2,
  });
  expect(resources).toEqual({ memoryLimitBytes: 1, cpuMillis: 2, pidsLimit: 3 });
});

test('of a list too what is not named stays: other entries, and other bounds of the same', () => {
  const [disk, other] = [
    { device: '/dev/a', readBytesPerSecond: 1, writeBytesPerSecond: 2 },
    { device: '8:0', blkioWeight: 10 },
  ];
  const changed = (...ioDevices: NonNullable<Parameters<typeof changedResources>[1]['ioDevices']>) =>
    changedResources({ ioDevices: [disk, other] }, { ioDevices }).ioDevices;
  expect(changed({ device: '/dev/a', readBytesPerSecond: 9 })).toEqual([{ ...disk, readBytesPerSecond: 9 }, other]);
  expect(changed({ device: '/dev/a', readBytesPerSecond: null }, { device: '/dev/a', writeBytesPerSecond: 7 })).toEqual(
    [{ device: '/dev/a', writeBytesPerSecond: 7 }, other],
  );
  expect(changed({ device: '8:0', blkioWeight: null }, { device: '8:1', blkioWeight: 3 })).toEqual([
    disk,
    { device: '8:1', blkioWeight: 3 },
  ]);
  const pages = [{ pageSize: '2MB', limitBytes: 0 }];
  expect(changedResources({ hugePages: pages }, { hugePages: [{ pageSize: '2MB', limitBytes: null }] })).toEqual({});
});
