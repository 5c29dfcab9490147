import { expect, test } from 'vitest';
import type { Contribution, LaunchPlan, NewMount } from '../model/launch-plan.ts';
import { LOG_FORMAT, STDIO, type Step, step } from '../model/wire.ts';
import { decodeMessage, encodeMessage } from '../model/wire-codec.ts';
import { compose } from './compose.ts';
import { type EncodedLaunch, encodeLaunch } from './encode.ts';
import { encodeSession } from './encode-session.ts';
import { by, CHANNEL, composeInput, config, FREEZER, UID, V2 } from './plan.fixture.ts';
import { checkSlots } from './slots.ts';

const OVERLAY: Contribution = {
  namespaces: ['mount'],
  rootfs: { kind: 'overlay', lowerDirs: ['/l2', '/l1'], upperDir: '/up', workDir: '/work' },
};
const DIRECTORY: Contribution = { namespaces: ['mount'], rootfs: { kind: 'directory', path: '/dir' } };

function planOf(contribution: Contribution, fields: Parameters<typeof composeInput>[1] = {}): LaunchPlan {
  return compose(composeInput([by('i', contribution)], fields));
}
const encode = (contribution: Contribution, fields: Parameters<typeof composeInput>[1] = {}): EncodedLaunch =>
  encodeLaunch(planOf(contribution, fields), CHANNEL);
const ops = (steps: readonly Step[]): readonly string[] => steps.map(({ op }) => op);
const find = (steps: readonly Step[], op: string): Step['values'] | undefined =>
  steps.find((one) => one.op === op)?.values;

const tmpfs = (target: string, fields: Partial<NewMount> = {}): NewMount => ({
  ...{ kind: 'new', type: 'tmpfs', source: 'tmpfs', target, options: [], attributes: [] },
  ...fields,
});

test('mounts are made before the host is awaited and attached after the root', () => {
  const { childSteps } = encode({ ...OVERLAY, mounts: [tmpfs('/a')], hostname: 'h', loopback: true });
  const names = ops(childSteps);
  expect(names.slice(0, 5)).toEqual(['set-propagation', 'create-mount', 'loopback-up', 'set-hostname', 'await-host']);
  expect(names.indexOf('attach-root')).toBeGreaterThan(names.indexOf('await-host'));
  expect(names.indexOf('attach-mount')).toBeGreaterThan(names.indexOf('attach-root'));
  expect(names.indexOf('pivot-root')).toBeGreaterThan(names.indexOf('attach-mount'));
});

test('the last steps are who, where, what it may, the barrier and the command', () => {
  const { childSteps } = encode({ ...OVERLAY, noNewPrivileges: true });
  expect(ops(childSteps).slice(-7)).toEqual([
    'resolve-user',
    'set-workdir',
    'set-umask',
    'apply-credentials',
    'no-new-privileges',
    'await-start',
    'exec',
  ]);
});

test('who is not root gives up nothing, and says what it has before it is put under rules', () => {
  const host = { ...composeInput([]).host, uid: 1000 };
  const settings = { oomScoreAdj: 5, landlock: { scoped: true } };
  const plan = planOf({ noNewPrivileges: true, ...settings }, { host });
  expect(plan.capabilities).toMatchObject({ bounding: ['CHOWN', 'KILL', 'MKNOD'], effective: ['CHOWN', 'KILL'] });
  const { hostSteps, childSteps } = encodeLaunch(plan, CHANNEL);
  expect(ops(hostSteps)).not.toContain('set-oom-score');
  expect(ops(childSteps).slice(-7)).toEqual([
    'set-umask',
    'no-new-privileges',
    'set-oom-score',
    'landlock-create',
    'landlock-restrict',
    'await-start',
    'exec',
  ]);
});

test('layers of an image volume are shown through the maps of a user namespace', () => {
  const volume = { kind: 'image', reference: 'i', lowerDirs: ['/l'], target: '/v', attributes: ['ro'] } as const;
  const uids = [{ container: 0, host: 1000, count: 10 }];
  const user = { namespaces: ['user'], userNamespace: { uids, gids: uids, files: 'idmapped' } } as const;
  const made = (contribution: Contribution) =>
    ops(encode({ ...DIRECTORY, mounts: [volume], ...contribution }).hostSteps).filter((op) => op.includes('overlay'));
  expect(made({})).toEqual(['create-overlay']);
  expect(made({ ...user, namespaces: ['mount', 'user'] })).toEqual(['create-mapped-overlay']);
});

test('the groups are joined before the cgroup namespace takes them for its roots', () => {
  const { childSteps, cloneFlags } = encode({ namespaces: ['cgroup', 'pid'] });
  const names = ops(childSteps);
  expect(names.lastIndexOf('join-cgroup')).toBeLessThan(names.indexOf('unshare'));
  expect(cloneFlags).toBe(0x2000_0000);
});

test('a v1 freezer that tracks is joined first, and once', () => {
  const { childSteps, trackingCgroup } = encode({}, { placement: FREEZER });
  expect(ops(childSteps)[0]).toBe('join-cgroup');
  expect(ops(childSteps).filter((op) => op === 'join-cgroup')).toHaveLength(1);
  expect(trackingCgroup).toBe('/cg/freezer/x/containers/u');
});

test('knobs are written after their group is made, in the order of their isolator', () => {
  const knobs = [
    { file: 'memory.limit_in_bytes', value: '1' },
    { file: 'memory.memsw.limit_in_bytes', value: '1' },
  ];
  const { hostSteps } = encode({ cgroup: { controller: 'memory', knobs } });
  const memory = hostSteps.filter(({ values }) => String(values.path).startsWith('/cg/memory'));
  expect(memory.map(({ op, values }) => [op, values.path])).toEqual([
    ['make-cgroup', '/cg/memory/x/containers/u'],
    ['write-kernel-file', '/cg/memory/x/containers/u/memory.limit_in_bytes'],
    ['write-kernel-file', '/cg/memory/x/containers/u/memory.memsw.limit_in_bytes'],
  ]);
});

test('the overlay is made on the host with its directories, and made read-only after the working directory', () => {
  const { hostSteps, childSteps } = encode({ ...OVERLAY, readOnlyRootfs: true });
  expect(ops(hostSteps).slice(0, 3)).toEqual(['make-directory', 'make-directory', 'create-overlay']);
  expect(find(childSteps, 'set-workdir')).toMatchObject({ create: 1 });
  expect(ops(childSteps).indexOf('read-only-root')).toBe(ops(childSteps).indexOf('set-workdir') + 1);
});

test('a layer on a disk is mapped with it in a user namespace, and the disk is made by root of the host', () => {
  const ids = [{ container: 0, host: 100_000, count: 65_536 }];
  const user = (files: 'idmapped' | 'shifted'): Contribution => ({
    ...OVERLAY,
    namespaces: ['mount', 'user'],
    userNamespace: { uids: ids, gids: ids, files },
    diskQuota: { way: 'image', file: '/disk', limitBytes: 1, counted: [] },
  });
  const mapped = ops(encode(user('idmapped')).hostSteps);
  const at = mapped.indexOf('create-disk');
  expect(mapped.slice(at, at + 4)).toEqual(['create-disk', 'set-file-owner', 'create-overlay-on', 'set-file-owner']);
  expect(find(encode(user('idmapped')).hostSteps, 'create-overlay-on')).toMatchObject({ mapped: 1 });
  const shifted = encode(user('shifted')).hostSteps;
  expect(ops(shifted).slice(at, at + 3)).toEqual(['create-disk', 'create-overlay-on', 'shift-tree']);
  expect(find(shifted, 'create-overlay-on')).toMatchObject({ mapped: 0 });
});

test('an image volume is of mapped layers in a user namespace, and a part of it is taken out at its own root', () => {
  const ids = [{ container: 0, host: 100_000, count: 65_536 }];
  const image = {
    kind: 'image',
    reference: 'i',
    lowerDirs: ['/l'],
    target: '/i',
    attributes: ['ro'],
    subpath: 'x',
  } as const;
  const { hostSteps, childSteps } = encode({
    ...OVERLAY,
    namespaces: ['mount', 'user'],
    userNamespace: { uids: ids, gids: ids, files: 'idmapped' },
    mounts: [image],
  });
  expect(hostSteps.filter(({ op }) => op === 'create-mapped-overlay').map(({ values }) => values)).toMatchObject([
    { upper: '/up' },
    { lower: ['/l'], upper: '' },
  ]);
  expect(find(childSteps, 'narrow-mount')).toMatchObject({ mountPoint: '/' });
});

test('a directory as root is cloned in the child, refuses links, and read-only it is from the start', () => {
  const { hostSteps, childSteps } = encode({ ...DIRECTORY, readOnlyRootfs: true });
  expect(ops(hostSteps)).not.toContain('create-overlay');
  expect(find(childSteps, 'clone-tree')).toMatchObject({ path: '/dir', expect: 1 });
  expect(ops(childSteps).indexOf('set-mount-attributes')).toBeLessThan(ops(childSteps).indexOf('attach-root'));
  expect(find(childSteps, 'set-workdir')).toMatchObject({ create: 0 });
  expect(ops(childSteps)).not.toContain('read-only-root');
});

test('only kernel file systems refuse links on their way', () => {
  const { childSteps } = encode({ ...OVERLAY, mounts: [tmpfs('/proc'), tmpfs('/dev/shm'), tmpfs('/data')] });
  const attached = childSteps.filter(({ op }) => op === 'attach-mount').map(({ values }) => values);
  expect(attached.map(({ target, noSymlinks }) => [target, noSymlinks])).toEqual([
    ['/proc', 1],
    ['/data', 0],
    ['/dev/shm', 1],
  ]);
});

test('a read-only mount with content is filled before it becomes read-only', () => {
  const content = [{ kind: 'directory', path: 'd', mode: 0o755 } as const];
  const { childSteps } = encode({ ...OVERLAY, mounts: [tmpfs('/a', { attributes: ['ro', 'nodev'], content })] });
  expect(find(childSteps, 'create-mount')).toMatchObject({ attributes: 4 });
  const names = ops(childSteps);
  expect(names.indexOf('set-mount-attributes')).toBeGreaterThan(names.indexOf('make-directory-in'));
  expect(find(childSteps, 'set-mount-attributes')).toMatchObject({ attributes: 5 });
});

test('a bind follows a link at the end of its source and is read-only with all below it', () => {
  const mounts = [
    { kind: 'bind', source: '/h', target: '/c', attributes: ['ro'], recursive: true, create: 'file' } as const,
  ];
  const { childSteps } = encode({ ...OVERLAY, mounts });
  expect(find(childSteps, 'clone-tree')).toEqual({ slot: 1, path: '/h', recursive: 1, expect: 2 });
  expect(find(childSteps, 'set-mount-attributes')).toEqual({ slot: 1, attributes: 1, recursive: 1 });
  expect(find(childSteps, 'attach-mount')).toMatchObject({ target: '/c', create: 2 });
});

test('without a root file system mounts go onto the present tree, and nothing pivots', () => {
  const { childSteps } = encode({ namespaces: ['mount'], mounts: [tmpfs('/proc')] });
  expect(find(childSteps, 'attach-at')).toMatchObject({ target: '/proc' });
  expect(ops(childSteps)).not.toContain('pivot-root');
});

test.each<[string, Contribution]>([
  ['a mount at /a', { mounts: [tmpfs('/a')] }],
  ['/m hidden', { maskedPaths: ['/m'] }],
  ['a root file system', { rootfs: { kind: 'directory', path: '/d' } }],
  ['its own groups', { cgroupView: true }],
])('%s without a mount namespace is refused, naming who wants it', (what, contribution) => {
  expect(() => encode(contribution)).toThrow(`i wants ${what}`);
});

test('on a v2 host the view is the group with the limits, which is above the root of the namespace', () => {
  const { childSteps } = encode({ ...OVERLAY, namespaces: ['mount', 'cgroup'], cgroupView: true }, { placement: V2 });
  expect(find(childSteps, 'create-mount')).toBeUndefined();
  expect(find(childSteps, 'clone-tree')).toMatchObject({ path: '/cg/x/containers/u', recursive: 0 });
  expect(find(childSteps, 'set-mount-attributes')).toMatchObject({ recursive: 0 });
});

test('on a hybrid host the view has a directory for each own v1 group', () => {
  const { childSteps } = encode({ ...OVERLAY, namespaces: ['mount', 'cgroup'], cgroupView: true });
  const targets = childSteps.filter(({ op }) => op === 'attach-mount').map(({ values }) => values.target);
  expect(targets).toEqual(['/sys/fs/cgroup', '/sys/fs/cgroup/cpu', '/sys/fs/cgroup/cpuacct', '/sys/fs/cgroup/memory']);
});

test('more mounts than slots are refused', () => {
  const mounts = Array.from({ length: 128 }, (_, index) => tmpfs(`/m${index}`));
  expect(() => encode({ ...OVERLAY, mounts })).toThrow('a launch can make 128');
});

test('stdio and log are told to the monitor', () => {
  const fields = { terminal: true, terminalSize: { rows: 50, columns: 100 }, stdin: true, owned: true } as const;
  const encoded = encode({}, { config: config({ ...fields, log: { format: 'raw', maxBytes: 1 << 20, maxFiles: 3 } }) });
  expect(encoded).toMatchObject({
    stdio: STDIO.terminal,
    ...{ rows: 50, columns: 100, stdinOpen: 1, owned: 1 },
    ...{ logFormat: LOG_FORMAT.raw, logDirectory: '/logs', logMaxBytes: 1 << 20, logMaxFiles: 3 },
  });
});

test('an encoded launch goes over the wire and comes back', () => {
  const encoded = encode({ ...OVERLAY, mounts: [tmpfs('/a')] });
  const decoded = decodeMessage('launch', encodeMessage('launch', encoded));
  expect(ops(decoded.childSteps)).toEqual(ops(encoded.childSteps));
  expect(decoded.trackingCgroup).toBe(encoded.trackingCgroup);
});

test('a slot that nobody fills is refused with the step and its isolator', () => {
  const attach = step('x', 'attach-at', { slot: 3, target: '/a' });
  expect(() => checkSlots([], [attach])).toThrow('step attach-at of x uses slot 3');
});

test('what the host fills is not there before the isolate barrier', () => {
  const host = [step('x', 'clone-tree', { slot: 0, path: '/', recursive: 0, expect: 0 })];
  const attach = step('x', 'attach-at', { slot: 0, target: '/a' });
  const barrier = step('launcher', 'await-host', {});
  expect(() => checkSlots(host, [attach, barrier])).toThrow('slot 0');
  expect(() => checkSlots(host, [barrier, attach])).not.toThrow();
});

test('credentials that nobody resolves are refused', () => {
  expect(() => checkSlots([], [step('x', 'exec', { arguments: ['a'], environment: [] })])).toThrow('uses credentials');
});

const exec = { container: UID, command: ['sh'], env: ['B=2'], terminal: false, stdin: false, owned: false } as const;
const init = { pid: 42, startTime: 7n } as const;

test('a session ends in the very steps of init, but for its command', () => {
  const plan = planOf({ ...OVERLAY, noNewPrivileges: true, namespaces: ['mount', 'pid', 'cgroup'] });
  const launch = encodeLaunch(plan, CHANNEL).childSteps;
  const session = encodeSession({ plan, exec, init, channel: CHANNEL }).childSteps;
  const confinement = (steps: readonly Step[]) =>
    steps.slice(ops(steps).indexOf('resolve-user')).filter(({ op }) => !['set-workdir', 'exec'].includes(op));
  expect(confinement(session)).toEqual(confinement(launch));
});

test('a session joins every group, enters every namespace, and names no group to kill', () => {
  const plan = planOf({ ...OVERLAY, namespaces: ['mount', 'pid', 'cgroup'] });
  const encoded = encodeSession({ plan, exec, init, channel: CHANNEL });
  expect(encoded.childSteps.filter(({ op }) => op === 'join-cgroup')).toHaveLength(1 + plan.cgroupJoins.length);
  expect(encoded).toMatchObject({
    ...{ enterPid: 42, enterStartTime: 7n, trackingCgroup: '', cloneFlags: 0 },
    enterNamespaces: 0x2202_0000,
  });
});

test('a session has the environment of the container under its own, and a user of its own when it says so', () => {
  const plan = compose(composeInput([], { config: config({ env: ['A=1', 'B=1'] }) }));
  const { childSteps } = encodeSession({ plan, exec: { ...exec, user: '5:6' }, init, channel: CHANNEL });
  expect(find(childSteps, 'exec')?.environment).toEqual(expect.arrayContaining(['A=1', 'B=2']));
  expect(find(childSteps, 'resolve-user')).toEqual({ user: '5', group: '6' });
});
