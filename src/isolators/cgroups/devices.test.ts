import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { formatDeviceRule } from '../../model/devices.ts';
import type { HostFacts } from '../../model/host-facts.ts';
import { isolatorContract } from '../isolator.contract.ts';
import { HOST, HOST_V2, planInput, prepareAndPlan } from '../isolator.fixture.ts';
import { cgroupsDevices } from './devices.ts';

isolatorContract(cgroupsDevices, planInput());

const BARE = { ...HOST, controllers: {}, cgroupFeatures: [] };

const isolator = (): ReturnType<typeof cgroupsDevices> =>
  cgroupsDevices({ files: memoryFiles({ '/dev/fuse': '= character 10:229' }) });

test('a container may make nodes and open the usual devices, by a group of its own in v1 and by a program in v2', async () => {
  const list = await prepareAndPlan(isolator(), planInput({}, { host: HOST }));
  expect(list.deviceRules?.map(formatDeviceRule)).toEqual([
    ...['c *:* m', 'b *:* m', 'c 1:3 rwm', 'c 1:5 rwm', 'c 1:7 rwm', 'c 1:8 rwm', 'c 1:9 rwm'],
    ...['c 5:0 rwm', 'c 5:1 rwm', 'c 5:2 rwm', 'c 136:* rwm'],
  ]);
  expect(list.cgroup).toEqual({ controller: 'devices', knobs: [] });
  const program = await prepareAndPlan(isolator(), planInput({}, { host: HOST_V2 }));
  expect(program.deviceRules).toEqual(list.deviceRules);
  expect(program.cgroup).toBeUndefined();
});

test('what it was given and what rules say is allowed beside that', async () => {
  const devices = [{ hostPath: '/dev/fuse', containerPath: '/dev/x', access: 'rw' }];
  const request = { devices, deviceRules: ['b 8:* r'] };
  const { deviceRules } = await prepareAndPlan(isolator(), planInput(request, { host: HOST_V2 }));
  expect(deviceRules?.slice(-2).map(formatDeviceRule)).toEqual(['c 10:229 rw', 'b 8:* r']);
});

test('a host with neither way is refused when a rule was asked for, and left alone otherwise', () => {
  const applies = (deviceRules: readonly string[], host: HostFacts = BARE): boolean | undefined => {
    const { config } = planInput({ deviceRules });
    return isolator().appliesTo?.(config, host);
  };
  expect([applies([]), applies([], HOST), applies(['c 1:3 r'])]).toEqual([false, true, true]);
  expect(() => isolator().plan(planInput({ deviceRules: ['c 1:3 r'] }, { host: BARE }))).toThrow(
    'cgroup controller devices',
  );
});
