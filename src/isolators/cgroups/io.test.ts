import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { UndoStack } from '../../base/undo-stack.ts';
import type { Resources } from '../../model/resources.ts';
import { briefOf, groupedContainer, HOST, HOST_V2, knobsOf, planInput } from '../isolator.fixture.ts';
import { cgroupsIo } from './io.ts';

const RATES = { device: '8:0', readBytesPerSecond: 1000, writeOperationsPerSecond: 20 };

test.each<[string, Resources, readonly string[], readonly string[]]>([
  ["Docker's weight", { blkioWeight: 500 }, ['blkio.bfq.weight=500'], ['io.bfq.weight=500', 'io.weight=4950']],
  ['a weight of v2', { ioWeight: 100 }, ['blkio.bfq.weight=100'], ['io.bfq.weight=100', 'io.weight=100']],
  [
    'a weight of one device',
    { ioDevices: [{ device: '8:0', blkioWeight: 10 }] },
    ['blkio.bfq.weight_device=8:0 10'],
    ['io.weight=8:0 1'],
  ],
  [
    'rates',
    { ioDevices: [RATES] },
    ['blkio.throttle.read_bps_device=8:0 1000', 'blkio.throttle.write_iops_device=8:0 20'],
    ['io.max=8:0 rbps=1000 wbps=max riops=max wiops=20'],
  ],
])('%s is said in both versions', (_, resources, v1, v2) => {
  expect(knobsOf(cgroupsIo, resources)).toEqual(v1);
  expect(knobsOf(cgroupsIo, resources, { host: HOST_V2 })).toEqual(v2);
});

test('each device is an entry of its own, so that two of them do not disagree', () => {
  const ioDevices = [RATES, { ...RATES, device: '8:16' }];
  const { cgroup } = cgroupsIo({ files: memoryFiles({}) }).plan(
    planInput({ resources: { ioDevices } }, { host: HOST_V2 }),
  );
  expect(cgroup?.knobs.map(({ entry }) => entry)).toEqual(['8:0', '8:16']);
});

test('a kernel of CFQ is told in its own knobs', () => {
  const host = { ...HOST, cgroupFeatures: ['blkio.weight', 'blkio.weight_device'] };
  expect(knobsOf(cgroupsIo, { ioWeight: 1 }, { host })).toEqual(['blkio.weight=10']);
});

test.each<[Resources, string]>([
  [{ ioWeight: 5 }, 'a weight of disks was asked for'],
  [{ ioDevices: [{ device: '8:0', blkioWeight: 10 }] }, 'its scheduler unknown divides by no weights'],
  [{ ioDevices: [RATES] }, 'a rate of 8:0 was asked for'],
])('%j is refused by a kernel that was built without it', (resources, message) => {
  for (const host of [HOST, HOST_V2]) {
    expect(() => knobsOf(cgroupsIo, resources, { host: { ...host, cgroupFeatures: [] } })).toThrow(message);
  }
});

test('the weight of one disk goes to the knob that its scheduler obeys', () => {
  const resources = { ioDevices: [{ device: '8:0', blkioWeight: 10 }] };
  const knobs = (host: typeof HOST, scheduler: string) =>
    knobsOf(cgroupsIo, resources, { host, prepared: { '8:0': `8:0 ${scheduler}` } });
  expect(knobs(HOST_V2, 'bfq')).toEqual(['io.bfq.weight=8:0 10']);
  expect(knobs(HOST_V2, 'none')).toEqual(['io.weight=8:0 1']);
  expect(knobs(HOST, 'bfq')).toEqual(['blkio.bfq.weight_device=8:0 10']);
  expect(() => knobs(HOST, 'mq-deadline')).toThrow('a weight of 8:0 was asked for, and its scheduler mq-deadline');
});

const DISKS = {
  '/dev/sda': '= block 8:0',
  '/dev/disk/by-id/one': '-> /dev/sda',
  '/dev/sda1': '= block 8:1',
  '/dev/null': '= character 1:3',
  '/dev/gone': '= block 9:9',
  '/etc/passwd': 'root',
  '/sys/dev/block/8:0': '-> /sys/devices/pci/sda',
  '/sys/dev/block/8:0/queue/scheduler': 'none [bfq] mq-deadline\n',
  '/sys/devices/pci/sda/size': '1',
  '/sys/dev/block/8:1': '-> /sys/devices/pci/sda/sda1',
  '/sys/dev/block/8:1/partition': '1',
  '/sys/devices/pci/sda/sda1/partition': '1',
};
const prepare = (...devices: readonly string[]) => {
  const resources = { ioDevices: devices.map((device) => ({ device, readBytesPerSecond: 5 })) };
  return cgroupsIo({ files: memoryFiles(DISKS) }).prepare?.(planInput({ resources }), new UndoStack());
};

test('a device is known by its node, by a link to it and by its numbers', async () => {
  expect(await prepare('/dev/sda')).toEqual({ '/dev/sda': '8:0 bfq' });
  expect(await prepare('/dev/disk/by-id/one')).toEqual({ '/dev/disk/by-id/one': '8:0 bfq' });
  expect(await prepare('8:0')).toEqual({ '8:0': '8:0 bfq' });
});

test('what prepare has found is what the knobs say', () => {
  const resources = { ioDevices: [{ device: '/dev/sda', readBytesPerSecond: 5 }] };
  const prepared = { '/dev/sda': '8:0' };
  expect(knobsOf(cgroupsIo, resources, { prepared })).toEqual(['blkio.throttle.read_bps_device=8:0 5']);
  expect(() => knobsOf(cgroupsIo, resources)).toThrow('the numbers of /dev/sda were not looked up');
});

test.each([
  [['/dev/null'], '/dev/null is a character device, not a block device'],
  [['/etc/passwd'], '/etc/passwd is a file, not a block device'],
  [['/dev/nothing'], '/dev/nothing is not there, not a block device'],
  [['/dev/gone'], '/dev/gone is of no disk of this host'],
  [['7:7'], '7:7 is of no disk of this host'],
  [['/dev/sda1'], '/dev/sda1 is a partition of sda, and the kernel limits whole disks only'],
  [['/dev/sda', '/dev/disk/by-id/one'], '/dev/sda and /dev/disk/by-id/one are the same block device, 8:0'],
])('%j is refused in words', async (devices, message) => {
  await expect(prepare(...devices)).rejects.toThrow(message);
});

test('usage is summed over the devices in both versions', async () => {
  const v1 = memoryFiles({
    '/cg/io/blkio.throttle.io_service_bytes_recursive':
      '8:0 Read 10\n8:0 Write 20\n8:0 Total 30\n8:16 Read 1\nTotal 31\n',
    '/cg/io/blkio.throttle.io_serviced_recursive': '8:0 Read 3\n8:0 Write 4\n',
  });
  const v2 = memoryFiles({
    '/cg/io/io.stat': '8:0 rbytes=10 wbytes=20 rios=3 wios=4 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=0 rios=0 wios=0\n',
  });
  const expected = { ioReadBytes: 11, ioWrittenBytes: 20, ioReads: 3, ioWrites: 4 };
  expect(await cgroupsIo({ files: v1 }).usage?.(groupedContainer(1))).toEqual(expected);
  expect(await cgroupsIo({ files: v2 }).usage?.(groupedContainer(2))).toEqual(expected);
  expect(await briefOf(cgroupsIo({ files: v1 }), v1, groupedContainer(1))).toEqual({ values: expected, fileCount: 2 });
  expect(await briefOf(cgroupsIo({ files: v2 }), v2, groupedContainer(2))).toEqual({ values: expected, fileCount: 1 });
});
