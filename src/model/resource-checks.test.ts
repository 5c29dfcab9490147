import { expect, test } from 'vitest';
import { completeResources } from './complete-resources.ts';
import type { Resources } from './resources.ts';

const MIB = 1 << 20;

test.each<[Resources, string]>([
  [{ memoryLimitBytes: 1024 }, 'memory limit in bytes 1024 is not a whole number of at least 4194304'],
  [{ memoryHighBytes: 1024 }, 'memory throttle limit in bytes 1024'],
  [{ memorySwapBytes: 5 * MIB }, 'a bound of memory and swap needs a memory limit'],
  [{ memoryLimitBytes: 8 * MIB, memorySwapBytes: 5 * MIB }, 'is less than the memory limit 8388608'],
  [{ memoryLimitBytes: 8 * MIB, memorySwapBytes: -2 }, 'memory and swap together in bytes -2'],
  [{ memoryLimitBytes: 8 * MIB, memorySwapBytes: 8 * MIB + 0.5 }, 'is not a whole number from -1'],
  [{ memoryLimitBytes: 8 * MIB, memoryReservationBytes: 9 * MIB }, 'the memory reservation 9437184 is more than'],
  [{ memoryLimitBytes: 8 * MIB, memoryHighBytes: 9 * MIB }, 'the memory throttle limit 9437184 is more than'],
  [{ memorySwappiness: 101 }, 'swappiness 101 is not a whole number from 0 to 100'],
  [{ oomKillDisabled: true }, 'the OOM killer switched off needs a memory limit'],
  [{ cpuMillis: 100, cpuQuotaUs: 1000 }, 'a cpu limit and a cpu quota or period exclude each other'],
  [{ cpuShares: 2, cpuWeight: 1 }, 'cpu shares and a cpu weight exclude each other'],
  [{ cpuIdle: true, cpuWeight: 1 }, 'an idle cpu and cpu shares or a weight exclude each other'],
  [{ cpuBurstUs: 5 }, 'a cpu burst needs a cpu limit'],
  [{ cpuMillis: 100, cpuBurstUs: 10_001 }, 'the cpu burst 10001 is more than the quota 10000'],
  [{ cpuQuotaUs: 999 }, 'cpu quota in microseconds 999'],
  [{ cpuPeriodUs: 1_000_001 }, 'cpu period in microseconds 1000001'],
  [{ cpuShares: 1 }, 'cpu shares 1 is not a whole number from 2 to 262144'],
  [{ cpuWeight: 10_001 }, 'cpu weight 10001'],
  [{ cpusetCpus: '3-1' }, 'CPUs "3-1" is not a list'],
  [{ cpusetMems: '' }, 'memory nodes "" is not a list'],
  [{ pidsLimit: 0 }, 'pids limit 0'],
  [{ ioWeight: 1, blkioWeight: 10 }, 'an io weight and a blkio weight exclude each other'],
  [{ blkioWeight: 9 }, 'blkio weight 9 is not a whole number from 10 to 1000'],
  [{ ioDevices: [{ device: 'sda' }] }, 'block device "sda" is not an absolute path'],
  [{ ioDevices: [{ device: '8:0', readOperationsPerSecond: 2 ** 32 }] }, 'reads a second of 8:0 4294967296'],
  [{ ioDevices: [{ device: '8:0' }, { device: '8:0' }] }, 'block devices 8:0 is limited twice'],
  [
    { ioDevices: Array.from({ length: 101 }, (_, index) => ({ device: `8:${index}` })) },
    '101 block devices are limited',
  ],
  [{ hugePages: [{ pageSize: '2 MB', limitBytes: 0 }] }, 'huge page size "2 MB" is not a size such as 2MB'],
  [{ hugePages: [{ pageSize: '2MB', limitBytes: -1 }] }, 'bytes of huge pages of 2MB -1'],
  [{ rdma: [{ device: 'a/b' }] }, 'RDMA device "a/b" is not a name'],
  [{ misc: [{ name: '', limit: 1 }] }, 'resource "" is not a name'],
  [{ netClassId: 0 }, 'network class 0'],
  [{ networkPriorities: [{ networkInterface: 'a b', priority: 1 }] }, 'network interface "a b"'],
])('%j is refused: %s', (resources, message) => {
  expect(() => completeResources(resources)).toThrow(message);
});

test('lists of numbers and paths of devices are written in one form', () => {
  const ioDevices = [{ device: '/dev/./sda', readBytesPerSecond: 1 }];
  expect(completeResources({ cpusetCpus: '3, 0-1,1', ioDevices })).toEqual({
    cpusetCpus: '0-1,3',
    ioDevices: [{ device: '/dev/sda', readBytesPerSecond: 1 }],
  });
});

test('what was not asked for stays away', () => {
  expect(completeResources({})).toEqual({});
});
