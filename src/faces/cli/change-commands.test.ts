import { expect, test } from 'vitest';
import { changesOf, type UpdateOptions } from './change-commands.ts';

const resourceChangesOf = (options: UpdateOptions) => changesOf(options).resources;

test('limits that are named are changed, and 0 or -1 takes one away', () => {
  expect(resourceChangesOf({ memory: '64m', cpus: '0', pidsLimit: '-1' })).toEqual({
    memoryLimitBytes: 64 << 20,
    cpuMillis: null,
    pidsLimit: null,
  });
  expect(resourceChangesOf({ cpus: '1.5' })).toEqual({ cpuMillis: 1500 });
});

test('a restart policy is changed alone, or beside limits', () => {
  expect(changesOf({ restart: 'on-failure:3' })).toEqual({
    resources: {},
    restart: { kind: 'on-failure', maximum: 3 },
  });
  expect(changesOf({ restart: 'no', cpus: '1' })).toEqual({
    resources: { cpuMillis: 1000 },
    restart: { kind: 'no' },
  });
});

test('what has values of its own for 0 and -1 is taken away otherwise', () => {
  expect(resourceChangesOf({ memorySwap: '-1', memorySwappiness: '0' })).toEqual({
    memorySwapBytes: -1,
    memorySwappiness: 0,
  });
  expect(resourceChangesOf({ memorySwap: '0', memorySwappiness: '-1', cpusetCpus: '', hugetlb: [''] })).toEqual({
    memorySwapBytes: null,
    memorySwappiness: null,
    cpusetCpus: null,
    hugePages: null,
  });
  expect(resourceChangesOf({ cpuIdle: false, memoryOomGroup: true })).toEqual({ cpuIdle: null, memoryOomGroup: true });
});

test('of what may be repeated one entry is changed or taken away, and nothing said of the others', () => {
  const disks = { deviceReadBps: ['/dev/a:1m', '/dev/b:0'], deviceWriteIops: ['/dev/a:-1'] };
  expect(resourceChangesOf({ ...disks, hugetlb: ['2MB:0', '1GB:-1'], netPrio: ['eth0:-1'] })).toEqual({
    ioDevices: [
      { device: '/dev/a', readBytesPerSecond: 1 << 20 },
      { device: '/dev/b', readBytesPerSecond: null },
      { device: '/dev/a', writeOperationsPerSecond: null },
    ],
    hugePages: [
      { pageSize: '2MB', limitBytes: 0 },
      { pageSize: '1GB', limitBytes: null },
    ],
    networkPriorities: [{ networkInterface: 'eth0', priority: null }],
  });
});

test('an update without a limit is refused', () => {
  expect(() => resourceChangesOf({})).toThrow('no limit and no device is named');
});

test.each([{ memory: 'much' }, { memory: '-2' }, { cpus: 'all' }, { pidsLimit: '-7' }])('%j is refused', (options) => {
  expect(() => resourceChangesOf(options)).toThrow('is not');
});

test('devices and rules come and go beside limits', () => {
  const options = {
    ...{ memory: '64m', deviceAdd: ['/dev/fuse:r', '/dev/kmsg:/dev/k'], deviceRm: ['/dev/x'] },
    ...{ deviceCgroupRuleAdd: ['c 1:11 r'], deviceCgroupRuleRm: ['b 8:* r'] },
  };
  expect(changesOf(options)).toEqual({
    resources: { memoryLimitBytes: 64 << 20 },
    devices: {
      add: [
        { hostPath: '/dev/fuse', containerPath: '/dev/fuse', access: 'r' },
        { hostPath: '/dev/kmsg', containerPath: '/dev/k', access: 'rwm' },
      ],
      ...{ remove: ['/dev/x'], addRules: ['c 1:11 r'], removeRules: ['b 8:* r'] },
    },
  });
  expect(changesOf({ deviceRm: ['/dev/x'] })).toEqual({ resources: {}, devices: { remove: ['/dev/x'] } });
  expect(() => changesOf({ deviceAdd: ['fuse'] })).toThrow('--device-add "fuse" is not');
});

test('a disk limit stands beside the others', () => {
  expect(changesOf({ disk: '8m', pidsLimit: '9' })).toEqual({ resources: { pidsLimit: 9 }, diskLimitBytes: 8 << 20 });
  expect(changesOf({ disk: '8m' })).toEqual({ resources: {}, diskLimitBytes: 8 << 20 });
  expect(() => changesOf({ disk: 'much' })).toThrow('--disk');
});
