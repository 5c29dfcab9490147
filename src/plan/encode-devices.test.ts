import { expect, test } from 'vitest';
import { parseDeviceRule } from '../model/devices.ts';
import type { CgroupPlacement, Contribution, NewMount } from '../model/launch-plan.ts';
import { compose } from './compose.ts';
import { encodeLaunch } from './encode.ts';
import { by, CHANNEL, composeInput, V2 } from './plan.fixture.ts';

const RULES = ['c 1:3 rwm', 'b *:* m'].map(parseDeviceRule);
const V1: CgroupPlacement = {
  tracking: { path: '/cg/freezer/u', version: 1 },
  groups: [{ hierarchy: 'devices', version: 1, path: '/cg/devices/u', controllers: ['devices'] }],
  joins: [{ path: '/cg/devices/u', version: 1 }],
};

const steps = (contribution: Contribution, placement: CgroupPlacement) =>
  encodeLaunch(compose(composeInput([by('i', contribution)], { placement })), CHANNEL);

test('in v1 the list of a new group is emptied before it is filled', () => {
  const { hostSteps } = steps({ deviceRules: RULES, cgroup: { controller: 'devices', knobs: [] } }, V1);
  const writes = hostSteps.filter(({ op }) => op.startsWith('write-kernel-')).map(({ values }) => values);
  expect(writes).toEqual([
    { path: '/cg/devices/u/devices.deny', value: 'a' },
    { path: '/cg/devices/u/devices.allow', lines: ['c 1:3 rwm', 'b *:* m'] },
  ]);
});

test('in v2 a program is attached to the group above the processes', () => {
  const { hostSteps } = steps({ deviceRules: RULES }, V2);
  const program = hostSteps.find(({ op }) => op === 'set-device-program');
  expect(program).toMatchObject({ by: 'i', values: { path: '/cg/x/containers/u' } });
});

test('nodes are made in /dev with their directories and owners, in the place of default ones', () => {
  const dev: NewMount = {
    ...{ kind: 'new', type: 'tmpfs', source: 'tmpfs', target: '/dev', options: [], attributes: [] },
    content: [
      { kind: 'node', path: 'null', mode: 0o020666, major: 1, minor: 3 },
      { kind: 'directory', path: 'net', mode: 0o755 },
    ],
  };
  const node = { kind: 'character', major: 10, minor: 200, mode: 0o660, uid: 0, gid: 0 } as const;
  const deviceNodes = [
    { ...node, path: 'net/tun' },
    { ...node, path: 'a/b/null', gid: 44 },
    { ...node, path: 'null' },
  ];
  const rootfs = { kind: 'directory', path: '/dir' } as const;
  const { childSteps } = steps({ namespaces: ['mount'], rootfs, mounts: [dev], deviceNodes }, V2);
  const made = childSteps.flatMap(({ op, values }) => (/make-|own-/.test(op) ? [`${op} ${values.path}`] : []));
  expect(made).toEqual([
    ...['make-directory-in net', 'make-directory-in a', 'make-directory-in a/b'],
    ...['make-node net/tun', 'make-node a/b/null', 'own-node a/b/null', 'make-node null'],
  ]);
});
