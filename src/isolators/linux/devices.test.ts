import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import type { DeviceDifference } from '../../model/device-changes.ts';
import type { DeviceNode } from '../../model/devices.ts';
import { isolatorContract } from '../isolator.contract.ts';
import { hostTreeInput, planInput, prepareAndPlan } from '../isolator.fixture.ts';
import { linuxDevices } from './devices.ts';

isolatorContract(linuxDevices, planInput());

const FILES = {
  '/dev/fuse': '= character 10:229',
  '/dev/snd/seq': '= character 116:1',
  '/dev/snd/timer': '= character 116:33',
};
const isolator = (): ReturnType<typeof linuxDevices> => linuxDevices({ files: memoryFiles(FILES) });
const device = (hostPath: string, containerPath = hostPath) => ({ hostPath, containerPath, access: 'rwm' });

test("a device is a node in the container's own /dev, and a bind elsewhere", async () => {
  const devices = [device('/dev/fuse', '/dev/deep/fuse'), device('/dev/fuse', '/fuse')];
  const { deviceNodes, mounts } = await prepareAndPlan(isolator(), planInput({ devices }));
  expect(deviceNodes).toMatchObject([{ path: 'deep/fuse', kind: 'character', major: 10, minor: 229 }]);
  expect(mounts).toMatchObject([{ kind: 'bind', source: '/dev/fuse', target: '/fuse', create: 'file' }]);
});

test('of a directory, every device in it', async () => {
  const { deviceNodes } = await prepareAndPlan(isolator(), planInput({ devices: [device('/dev/snd')] }));
  expect(deviceNodes?.map(({ path, minor }) => `${path} ${minor}`)).toEqual(['snd/seq 1', 'snd/timer 33']);
});

test('what is not there, or no device, is refused by name', async () => {
  const plan = (path: string) => prepareAndPlan(isolator(), planInput({ devices: [device(path)] }));
  await expect(plan('/dev/none')).rejects.toThrow('device /dev/none is not there');
  const files = memoryFiles({ '/dev/plain': 'x' });
  const input = planInput({ devices: [device('/dev/plain')] });
  await expect(prepareAndPlan(linuxDevices({ files }), input)).rejects.toThrow('device /dev/plain is a file');
});

test("on the host's own tree a device is where it is", async () => {
  const plan = (to: string) => prepareAndPlan(isolator(), hostTreeInput({ devices: [device('/dev/fuse', to)] }));
  expect(await plan('/dev/fuse')).toEqual({});
  await expect(plan('/dev/other')).rejects.toThrow("the container has the host's own /dev");
});

const NOTHING = { added: [], removed: [], addedRules: [], removedRules: [] };
const NODES = ['snd/seq', 'snd/timer', 'x'].map(
  (path, minor): DeviceNode => ({ path, kind: 'character', major: 1, minor, mode: 0o600, uid: 0, gid: 0 }),
);
const update = async (difference: Partial<DeviceDifference>, input = planInput()) => {
  const { rootfs } = input;
  const deviceNodes = { by: 'linux/devices', value: NODES };
  const plan = { ...(rootfs && { rootfs: { recipe: rootfs, mountPoint: '/m', by: 'f' } }), deviceNodes };
  const found = await isolator().update?.({ ...input, devices: { ...NOTHING, ...difference, plan } });
  return found?.deviceNodes?.map(({ path, major, minor }) => `${path} ${major}:${minor}`);
};

test('devices come and go while the container runs, those of a directory together', async () => {
  const difference = { added: [device('/dev/fuse')], removed: [device('/dev/snd')] };
  expect(await update(difference)).toEqual(['x 1:2', 'fuse 10:229']);
  // Given anew, it is what it is on the host by now.
  expect(await update({ added: [device('/dev/snd')], removed: [device('/dev/snd')] })).toEqual([
    ...['x 1:2', 'snd/seq 116:1', 'snd/timer 116:33'],
  ]);
});

test.each([
  [{ added: [device('/dev/fuse', '/fuse')] }, 'come and go below its /dev alone'],
  [{ removed: [device('/dev/fuse', '/fuse')] }, 'come and go below its /dev alone'],
  [{ added: [device('/dev/fuse', '/dev/null')] }, '/dev/null is what every container has of its own'],
  [{ added: [device('/dev/fuse', '/dev/snd/seq')] }, 'has a device at /dev/snd/seq already'],
  [{ added: [device('/dev/none')] }, 'device /dev/none is not there'],
])('%j is refused while the container runs', async (difference, message) => {
  await expect(update(difference)).rejects.toThrow(message);
});

test("nothing comes or goes in the host's own /dev", async () => {
  await expect(update({ added: [device('/dev/fuse')] }, hostTreeInput())).rejects.toThrow("the host's own /dev");
  expect(await update({ addedRules: ['c 1:3 r'] }, hostTreeInput())).toHaveLength(3);
});
