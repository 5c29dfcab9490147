import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { HOST, hostTreeInput, planInput, prepareAndPlan } from '../isolator.fixture.ts';
import type { Isolator } from '../isolator.ts';
import { networkContainer } from '../network/container.ts';
import { networkNone } from '../network/none.ts';
import { cgroupNamespace } from './cgroup.ts';
import { ipcNamespace } from './ipc.ts';
import { pidNamespace } from './pid.ts';
import { timeNamespace } from './time.ts';
import { userNamespace } from './user.ts';
import { utsNamespace } from './uts.ts';

const ipc = () => ipcNamespace({ files: memoryFiles({}) });

test('pid makes a namespace and leaves /proc to the file system', () => {
  expect(pidNamespace().plan(planInput())).toEqual({ namespaces: ['pid'] });
});

test('ipc brings shared memory of 64 MiB and message queues', () => {
  const { namespaces, mounts } = ipc().plan(planInput());
  expect(namespaces).toEqual(['ipc']);
  expect(mounts?.map(({ target }) => target)).toEqual(['/dev/shm', '/dev/mqueue']);
  expect(mounts?.[0]).toMatchObject({ type: 'tmpfs', options: ['mode=1777', 'size=64m'] });
});

test('a volume at /dev/shm takes the place of ours', () => {
  const volumes = [{ kind: 'host-path', hostPath: '/x', containerPath: '/dev/shm', readOnly: false }] as const;
  expect(
    ipc()
      .plan(planInput({ volumes }))
      .mounts?.map(({ target }) => target),
  ).toEqual(['/dev/mqueue']);
});

test("on the host's tree only /dev/shm is covered", () => {
  expect(
    ipc()
      .plan(hostTreeInput())
      .mounts?.map(({ target }) => target),
  ).toEqual(['/dev/shm']);
});

test('uts names the container by its uid, or as the caller says', () => {
  expect(utsNamespace().plan(planInput())).toEqual({ namespaces: ['uts'], hostname: '0123456789ab' });
  expect(utsNamespace().plan(planInput({ hostname: 'web' })).hostname).toBe('web');
});

test('cgroup shows a container its own groups', () => {
  expect(cgroupNamespace().plan(planInput())).toEqual({ namespaces: ['cgroup'], cgroupView: true });
});

test('no network is a namespace with its loopback up', () => {
  expect(networkNone({ files: memoryFiles({}) }).plan(planInput())).toEqual({ namespaces: ['net'], loopback: true });
});

const web = planInput({ namespaces: { ipc: { kind: 'shareable' } } });
const init = { container: web.uid, pid: 42, startTime: '7' } as const;
const joined = { web: { init, config: web.config, namespaces: ['pid', 'ipc', 'net'], runtimeDir: '/w' } } as const;
const ids = [{ container: 0, host: 100_000, count: 65_536 }];
const inUser = { userNamespace: { uids: ids, gids: ids, files: 'idmapped' } } as const;
const shared = { kind: 'shared', source: '/dev/shm', target: '/dev/shm', of: init };
const bound = { kind: 'bind', source: '/dev/shm', target: '/dev/shm', keepOwners: true };
const ofWeb = { kind: 'container', container: 'web' } as const;

/** Mesos's matrix of ipc modes and sizes (mesos.md, behaviour 168), with and without what else changes the outcome. */
test.each([
  ['unset', {}, {}, ['ipc'], [{ options: ['mode=1777', 'size=64m'] }, { type: 'mqueue' }]],
  [
    'unset, with a size',
    { shmBytes: 4096 },
    {},
    ['ipc'],
    [{ options: ['mode=1777', 'size=4096'] }, { type: 'mqueue' }],
  ],
  ['private', { ipc: { kind: 'private' } }, {}, ['ipc'], [{ type: 'tmpfs' }, { type: 'mqueue' }]],
  ['private, with a size', { ipc: { kind: 'private' }, shmBytes: 4096 }, {}, ['ipc'], [{ type: 'tmpfs' }, {}]],
  ['shareable', { ipc: { kind: 'shareable' } }, {}, ['ipc'], [{ type: 'tmpfs' }, { type: 'mqueue' }]],
  ['none', { ipc: { kind: 'none' } }, {}, ['ipc'], [{ type: 'mqueue' }]],
  ['host', { ipc: { kind: 'host' } }, {}, undefined, [bound, { type: 'mqueue' }]],
  ['host, in a user namespace', { ipc: { kind: 'host' } }, inUser, undefined, [bound]],
  ["another's", { ipc: ofWeb }, { joined }, undefined, [shared, { type: 'mqueue' }]],
  ["another's, in a user namespace", { ipc: ofWeb }, { joined, ...inUser }, undefined, [shared]],
] as const)('ipc %s', (_name, namespaces, fields, own, mounts) => {
  const planned = ipc().plan(planInput({ namespaces }, fields));
  expect(planned.namespaces).toEqual(own);
  expect(planned.mounts).toHaveLength(mounts.length);
  expect(planned.mounts).toMatchObject(mounts);
});

test("another's ipc namespace is entered, if that one lets others in", () => {
  const namespaces = { ipc: ofWeb } as const;
  expect(ipc().plan(planInput({ namespaces }, { joined })).joins).toEqual([{ kind: 'ipc', of: init }]);
  const closed = { web: { ...joined.web, config: planInput().config } };
  expect(() => ipc().plan(planInput({ namespaces }, { joined: closed }))).toThrow(
    'the ipc namespace of container web is private, which nobody may join',
  );
});

test('a container that shares the queues of the host in a user namespace sees them where the host has them', async () => {
  const isolator = ipcNamespace({ files: memoryFiles({ '/dev/mqueue/x': '' }) });
  const { mounts } = await prepareAndPlan(isolator, planInput({ namespaces: { ipc: { kind: 'host' } } }, inUser));
  expect(mounts?.[1]).toMatchObject({ kind: 'bind', source: '/dev/mqueue', keepOwners: true });
});

test("another's processes are joined in place of a namespace of its own", () => {
  const planned = pidNamespace().plan(planInput({ namespaces: { pid: ofWeb } }, { joined }));
  expect(planned).toEqual({ joins: [{ kind: 'pid', of: init }] });
});

test("another's network is entered; one that has the host's has none to enter", () => {
  const isolator = networkContainer({ files: memoryFiles({}) });
  const input = planInput({ namespaces: { networkOf: 'web' } }, { joined });
  expect(isolator.plan(input)).toEqual({ joins: [{ kind: 'net', of: init }], mounts: [] });
  const onHost = { web: { ...joined.web, namespaces: ['pid'] } } as const;
  expect(isolator.plan({ ...input, joined: onHost })).toEqual({ mounts: [] });
});

test("another's files for names are copied where it has some", async () => {
  const isolator = networkContainer({ files: memoryFiles({ '/w/hosts': '127.0.0.1 web\n' }) });
  const { mounts } = await prepareAndPlan(isolator, planInput({ namespaces: { networkOf: 'web' } }, { joined }));
  expect(mounts?.map(({ target }) => target)).toEqual(['/etc/hosts']);
});

test('a user namespace has the ids that were set aside', () => {
  expect(userNamespace().plan(planInput({}, inUser))).toEqual({ namespaces: ['user'], ...inUser });
});

test('clocks are set on by what the caller said', () => {
  const time = { monotonicNs: 1e9, boottimeNs: -1e9 };
  expect(timeNamespace().plan(planInput({ namespaces: { time } }))).toEqual({
    namespaces: ['time'],
    timeOffsets: time,
  });
});

test("who asks for the host's goes without the isolator", () => {
  const host = { kind: 'host' } as const;
  const { config } = planInput({ namespaces: { pid: host, uts: host, cgroup: host } });
  const applies = (isolator: Isolator) => isolator.appliesTo?.(config, HOST);
  expect([pidNamespace(), utsNamespace(), cgroupNamespace(), userNamespace()].map(applies)).toEqual([
    ...[false, false, false, false],
  ]);
});

const inWeb = {
  parent: { ...joined.web, namespaces: ['pid', 'ipc', 'uts', 'user'], sandboxDir: '/w/sandbox' },
} as const;
const asParents = { kind: 'parent' } as const;
const nestedInput = (namespaces: object = {}, fields: object = {}) =>
  planInput({ parent: 'web', namespaces }, { ...inWeb, ...fields });

test('a nested container has its processes in a namespace inside that of its parent, or in that', () => {
  const joins = [{ kind: 'pid', of: init }];
  expect(pidNamespace().plan(nestedInput())).toEqual({ namespaces: ['pid'], joins });
  expect(pidNamespace().plan(nestedInput({ pid: asParents }))).toEqual({ joins });
  const onHost = { parent: { ...inWeb.parent, namespaces: [] } } as const;
  expect(pidNamespace().plan(nestedInput({}, onHost))).toEqual({ namespaces: ['pid'] });
});

test('a nested container has the host name and the users of its parent', () => {
  expect(utsNamespace().plan(nestedInput({ uts: asParents }))).toEqual({ joins: [{ kind: 'uts', of: init }] });
  const input = nestedInput({}, inUser);
  const config = { ...input.config, namespaces: { user: asParents } };
  expect(userNamespace().plan({ ...input, config })).toEqual({ joins: [{ kind: 'user', of: init }], ...inUser });
});

test('the shared memory of a parent is shared whatever others may do, as far as it has any', () => {
  const input = nestedInput({ ipc: asParents });
  const { joins, mounts } = ipc().plan(input);
  expect(joins).toEqual([{ kind: 'ipc', of: init }]);
  expect(mounts).toMatchObject([shared, { type: 'mqueue' }]);
  const { config } = planInput({ namespaces: { ipc: { kind: 'none' } } });
  const without = { parent: { ...inWeb.parent, config } };
  expect(ipc().plan(nestedInput({ ipc: asParents }, without)).mounts).toMatchObject([{ type: 'mqueue' }]);
  const onHost = { parent: { ...inWeb.parent, namespaces: ['pid'] } } as const;
  expect(ipc().plan(nestedInput({ ipc: asParents }, onHost)).mounts).toMatchObject([bound, { type: 'mqueue' }]);
});
