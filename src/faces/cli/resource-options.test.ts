import { expect, test } from 'vitest';
import { completeResources } from '../../model/complete-resources.ts';
import type { Resources } from '../../model/resources.ts';
import { type ResourceOptions, resourcesOf } from './resource-options.ts';

test.each<[ResourceOptions, Resources]>([
  [{}, {}],
  [
    { memory: '64m', memoryReservation: '32m', memorySwap: '128m', memoryHigh: '48m' },
    {
      ...{ memoryLimitBytes: 64 << 20, memoryReservationBytes: 32 << 20, memorySwapBytes: 128 << 20 },
      memoryHighBytes: 48 << 20,
    },
  ],
  [
    { memory: '64m', memorySwap: '-1' },
    { memoryLimitBytes: 64 << 20, memorySwapBytes: -1 },
  ],
  [
    { memoryOomGroup: true, memorySwappiness: '0' },
    { memoryOomGroup: true, memorySwappiness: 0 },
  ],
  [
    { memory: '64m', oomKillDisable: true },
    { memoryLimitBytes: 64 << 20, oomKillDisabled: true },
  ],
  [
    { cpus: '1.5', cpuShares: '512' },
    { cpuMillis: 1500, cpuShares: 512 },
  ],
  [
    { cpuQuota: '20000', cpuPeriod: '50000', cpuBurst: '100' },
    { cpuQuotaUs: 20_000, cpuPeriodUs: 50_000, cpuBurstUs: 100 },
  ],
  [{ cpuWeight: '200' }, { cpuWeight: 200 }],
  [{ cpuIdle: true }, { cpuIdle: true }],
  [
    { cpusetCpus: '0, 1', cpusetMems: '0' },
    { cpusetCpus: '0-1', cpusetMems: '0' },
  ],
  [{ ioWeight: '5' }, { ioWeight: 5 }],
  [{ blkioWeight: '500' }, { blkioWeight: 500 }],
  [
    { hugetlb: ['2MB:4m', '1GB:0'] },
    {
      hugePages: [
        { pageSize: '2MB', limitBytes: 4 << 20 },
        { pageSize: '1GB', limitBytes: 0 },
      ],
    },
  ],
  [
    { rdma: ['mlx5_0:hca_handle=2,hca_object=2000'], misc: ['sev:2'] },
    { rdma: [{ device: 'mlx5_0', handles: 2, objects: 2000 }], misc: [{ name: 'sev', limit: 2 }] },
  ],
  [{ netCls: 'auto' }, { netClassId: 'auto' }],
  [
    { netCls: '10:1f', netPrio: ['eth0:5'] },
    { netClassId: 0x10_001f, networkPriorities: [{ networkInterface: 'eth0', priority: 5 }] },
  ],
])('%j says %j', (options, resources) => {
  expect(completeResources(resourcesOf(options))).toEqual(resources);
});

test("what Docker's clients send for no bound is none", () => {
  const options = { cpuShares: '0', cpuQuota: '-1', cpuPeriod: '0', memorySwappiness: '-1', memorySwap: '0' };
  expect(resourcesOf({ ...options, pidsLimit: '-1', blkioWeight: '0' })).toEqual({});
});

test('what several options say of one disk is one entry', () => {
  const options = {
    blkioWeightDevice: ['/dev/sda:200'],
    deviceReadBps: ['/dev/sda:1m', '8:16:2k'],
    deviceWriteBps: ['/dev/sda:3'],
    deviceReadIops: ['/dev/sda:4'],
    deviceWriteIops: ['/dev/sda:5'],
  };
  expect(resourcesOf(options).ioDevices).toEqual([
    {
      ...{ device: '/dev/sda', blkioWeight: 200, readBytesPerSecond: 1 << 20, writeBytesPerSecond: 3 },
      ...{ readOperationsPerSecond: 4, writeOperationsPerSecond: 5 },
    },
    { device: '8:16', readBytesPerSecond: 2048 },
  ]);
});

test.each<[ResourceOptions, string]>([
  [{ deviceReadBps: ['/dev/sda'] }, '--device-read-bps "/dev/sda" is not PATH:VALUE'],
  [{ deviceReadIops: ['/dev/sda:1m'] }, '--device-read-iops "1m" is not a whole number'],
  [{ deviceReadBps: ['/dev/sda:1', '/dev/sda:2'] }, '--device-read-bps is given twice for /dev/sda'],
  [{ hugetlb: ['64m'] }, '--hugetlb "64m" is not SIZE:BYTES'],
  [{ rdma: ['mlx5_0:handles=2'] }, '--rdma "mlx5_0:handles=2" is not DEVICE:hca_handle'],
  [{ misc: ['sev'] }, '--misc "sev" is not NAME:COUNT'],
  [{ netCls: '0:0' }, '--net-cls "0:0" is not auto, or a class'],
  [{ netCls: '1048577' }, '--net-cls "1048577" is not auto'],
  [{ netPrio: ['eth0:high'] }, '--net-prio "high" is not a whole number'],
  [{ cpuShares: 'many' }, '--cpu-shares "many" is not a whole number'],
  [{ memorySwap: '-2' }, '--memory-swap "-2" is not a size'],
])('%j is refused: %s', (options, message) => {
  expect(() => resourcesOf(options)).toThrow(message);
});
