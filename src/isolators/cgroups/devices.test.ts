import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import type { DeviceDifference } from '../../model/device-changes.ts';
import { type DeviceNode, formatDeviceRule, parseDeviceRule } from '../../model/devices.ts';
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

const FUSE = { hostPath: '/dev/fuse', containerPath: '/dev/x', access: 'rw' };
const NOTHING = { added: [], removed: [], addedRules: [], removedRules: [] };
const update = async (
  difference: Partial<DeviceDifference>,
  rules: readonly string[],
  nodes: readonly DeviceNode[] = [],
) => {
  const deviceRules = { by: 'cgroups/devices', value: rules.map(parseDeviceRule) };
  const plan = { deviceRules, deviceNodes: { by: 'linux/devices', value: nodes } };
  const found = await isolator().update?.({ ...planInput(), devices: { ...NOTHING, ...difference, plan } });
  return found?.deviceRules?.map(formatDeviceRule);
};

test('rules of devices that come are added to those in force, and those of devices that go are taken away', async () => {
  expect(await update({ added: [FUSE], addedRules: ['b 8:* r'] }, ['c 1:3 rwm'])).toEqual([
    ...['c 1:3 rwm', 'c 10:229 rw', 'b 8:* r'],
  ]);
  const node = { path: 'x', kind: 'character', major: 7, minor: 8, mode: 0o600, uid: 0, gid: 0 } as const;
  const rules = ['c 1:3 rwm', 'c 7:8 rw', 'b 8:* r', 'c 7:8 rw'];
  // Found by the plan: the device has gone from the host, or has another number there by now.
  expect(await update({ removed: [FUSE], removedRules: ['b 8:* r'] }, rules, [node])).toEqual([
    'c 1:3 rwm',
    'c 7:8 rw',
  ]);
});

test('an update of limits leaves the rules alone', async () => {
  expect((await isolator().update?.(planInput()))?.deviceRules).toBeUndefined();
});
