import { expect, test } from 'vitest';
import { type DeviceNode, parseDeviceRule } from '../model/devices.ts';
import type { CgroupPlacement, Contribution } from '../model/launch-plan.ts';
import type { Step } from '../model/wire.ts';
import { compose } from './compose.ts';
import { deviceChangeSteps, deviceChanges, type PlannedDevices } from './device-changes.ts';
import { by, composeInput, V2 } from './plan.fixture.ts';

const V1: CgroupPlacement = {
  tracking: { path: '/cg/freezer/u', version: 1 },
  groups: [{ hierarchy: 'devices', version: 1, path: '/cg/devices/u', controllers: ['devices'] }],
  joins: [{ path: '/cg/devices/u', version: 1 }],
};
const INIT = { pid: 42, startTime: 7n };

const rules = (...lines: readonly string[]): PlannedDevices => ({
  deviceRules: { by: 'cgroups/devices', value: lines.map(parseDeviceRule) },
});
const node = (path: string, minor: number, owner = { uid: 0, gid: 0 }): DeviceNode => ({
  ...{ path, kind: 'character', major: 10, minor, mode: 0o600, ...owner },
});
const nodes = (...value: readonly DeviceNode[]): PlannedDevices => ({ deviceNodes: { by: 'linux/devices', value } });

function stepsOf(
  [before, after]: readonly [PlannedDevices, PlannedDevices],
  placement = V1,
  more: Contribution = {},
): readonly Step[] {
  const contribution = { ...more, ...(placement === V1 && { cgroup: { controller: 'devices', knobs: [] } }) };
  const plan = compose(composeInput([by('i', contribution)], { placement }));
  return deviceChanges(before, after).flatMap((change) => deviceChangeSteps(plan, INIT, change));
}
const written = (...sides: readonly [PlannedDevices, PlannedDevices]) =>
  stepsOf(sides).map(({ values }) => [values.path, values.lines ?? values.value]);

test('in v1 what comes is allowed and what goes is denied, and what both allow is not touched', () => {
  expect(written(rules('c 1:3 rw', 'c *:* m', 'c 1:5 r'), rules('c 1:3 rwm', 'c *:* m', 'c 1:7 r'))).toEqual([
    ['/cg/devices/u/devices.allow', ['c 1:3 m', 'c 1:7 r']],
    ['/cg/devices/u/devices.deny', ['c 1:5 r']],
  ]);
  expect(written(rules('c 1:3 rwm', 'c 1:3 r'), rules('c 1:3 rwm'))).toEqual([]);
  expect(written(rules('c 1:3 rw', 'c 1:3 m'), rules('c 1:3 r'))).toEqual([
    ['/cg/devices/u/devices.deny', ['c 1:3 wm']],
  ]);
});

test('in v1 everything is added to a list and taken from it as one entry of each kind', () => {
  const [list, everything] = [rules('c 1:3 rw'), rules('c 1:3 rw', 'a *:* rwm')];
  const entries = ['c *:* rwm', 'b *:* rwm'];
  expect(written(list, everything)).toEqual([['/cg/devices/u/devices.allow', entries]]);
  expect(written(everything, list)).toEqual([['/cg/devices/u/devices.deny', entries]]);
  // Making nodes is allowed to all, and stays so.
  expect(written(rules('c *:* m', 'a *:* rwm'), rules('c *:* m'))).toEqual([
    ['/cg/devices/u/devices.deny', ['c *:* rw', 'b *:* rwm']],
  ]);
});

test('in v2 one program takes the place of the other', () => {
  const steps = stepsOf([rules('c 1:3 rw'), rules('c 1:5 r')], V2);
  expect(steps).toMatchObject([{ op: 'set-device-program', values: { path: '/cg/x/containers/u' } }]);
  expect(stepsOf([rules('c 1:3 rw'), rules('c 1:3 rw')], V2)).toEqual([]);
});

test('rules come before nodes, and a node goes before another comes in its place', () => {
  const before = { ...rules('c 1:3 r'), ...nodes(node('a', 1), node('b', 2)) };
  const after = { ...rules('c 1:3 rw'), ...nodes(node('b', 3), node('a', 1), node('snd/c', 4, { uid: 0, gid: 29 })) };
  const steps = stepsOf([before, after]);
  expect(steps.map(({ op }) => op)).toEqual(['write-kernel-lines', 'take-node', 'place-node', 'place-node']);
  expect(steps.at(-1)).toMatchObject({
    by: 'linux/devices',
    values: { ...INIT, path: 'snd/c', mode: 0o020600, major: 10, minor: 4, uid: 0, gid: 29 },
  });
});

test('where nothing was said of devices before, what is said now is what changes, and back', () => {
  expect(stepsOf([{}, nodes(node('a', 1))]).map(({ op }) => op)).toEqual(['place-node']);
  expect(stepsOf([nodes(node('a', 1)), {}]).map(({ op }) => op)).toEqual(['take-node']);
});

test("in a user namespace a node of root's is the container's root's, and others keep their owner", () => {
  const ids = [{ container: 0, host: 100_000, count: 65_536 }];
  const userNamespace = { uids: ids, gids: ids, files: 'idmapped' } as const;
  const after = nodes(node('a', 1), node('b', 2, { uid: 0, gid: 29 }));
  const steps = stepsOf([{}, after], V1, { namespaces: ['user', 'mount'], userNamespace });
  expect(steps.map(({ op, values }) => [op, values.uid, values.gid])).toEqual([
    ...[
      ['set-file-owner', 100_000, 100_000],
      ['place-node', 100_000, 100_000],
      ['set-file-owner', 0, 0],
    ],
    ...[
      ['set-file-owner', 100_000, 100_000],
      ['place-node', 0, 29],
      ['set-file-owner', 0, 0],
    ],
  ]);
});
