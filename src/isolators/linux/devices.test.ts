import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
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
