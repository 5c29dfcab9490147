import { expect, test } from 'vitest';
import { ERRNO } from '../linux/errno.ts';
import type { EngineError } from '../model/error.ts';
import type { LaunchFailure } from '../model/launch-failure.ts';
import { type Step, step } from '../model/wire.ts';
import { describeFailure } from './describe-failure.ts';

type Op = Step['op'];

const STEPS: readonly Step[] = [
  step('filesystem/linux', 'create-overlay', { slot: 0, lower: ['/l'], upper: '/u', work: '/w', attributes: 0 }),
  step('filesystem/linux', 'create-erofs-overlay', {
    ...{ slot: 0, images: ['/i'], digests: [''], upper: '/u', work: '/w' },
    ...{ disk: 0, onDisk: 0, attributes: 0, mapped: 0 },
  }),
  step('filesystem/linux', 'clone-tree', { slot: 0, path: '/root', recursive: 1, expect: 1 }),
  step('filesystem/linux', 'attach-mount', { slot: 0, target: '/proc', create: 1, noSymlinks: 1 }),
  step('cgroups/memory', 'write-kernel-file', { path: '/cg/memory.max', value: '1' }),
  step('launcher', 'join-cgroup', { path: '/cg', version: 2 }),
  step('caller', 'resolve-user', { user: 'bob', group: 'staff' }),
  step('caller', 'set-workdir', { path: '/w', create: 0 }),
  step('linux/capabilities', 'apply-credentials', {
    ...{ bounding: 1, effective: 1, permitted: 1, inheritable: 0, ambient: 0 },
  }),
  step('posix/rlimits', 'set-rlimit', { resource: 7, soft: 1, hard: 2 }),
  step('linux/sysctl', 'write-sysctl', { path: 'net/x', value: '1' }),
  step('caller', 'exec', { arguments: ['prog', 'x'], environment: [] }),
];

function describe(op: Op, name: string, detail = ''): EngineError {
  const stepIndex = STEPS.findIndex((one) => one.op === op);
  const phase = op === 'exec' ? 'exec' : 'child';
  return failed({ phase, stepIndex, errno: ERRNO[name] ?? 0, detail });
}

function failed(failure: LaunchFailure): EngineError {
  return describeFailure({ hostSteps: STEPS, childSteps: STEPS }, failure);
}

test.each<[Op, string, string, string, string]>([
  ['exec', 'ENOENT', 'not-found', 'plan.commandNotFound', 'command "prog" was not found'],
  ['exec', 'EACCES', 'permission-denied', 'plan.commandNotExecutable', 'command "prog" cannot be executed: EACCES'],
  ['exec', 'EISDIR', 'permission-denied', 'plan.commandNotExecutable', 'EISDIR (is a directory)'],
  ['exec', 'ENOEXEC', 'permission-denied', 'plan.commandNotExecutable', 'ENOEXEC'],
  ['exec', 'E2BIG', 'invalid-argument', 'plan.argumentsTooLong', 'longer than the kernel takes'],
  ['resolve-user', 'ENOENT', 'invalid-argument', 'plan.unknownUser', 'user "bob:staff" cannot be resolved'],
  ['set-workdir', 'ENOENT', 'invalid-argument', 'plan.workdirRefused', 'working directory /w'],
  ['clone-tree', 'ENOENT', 'not-found', 'plan.rootfsMissing', 'root file system /root does not exist'],
  ['clone-tree', 'ELOOP', 'invalid-argument', 'plan.rootfsNotDirectory', 'root file system /root is not a directory'],
  ['create-overlay', 'ENODEV', 'failed-precondition', 'plan.overlayMissing', 'no overlay file system'],
  ['create-overlay', 'EINVAL', 'failed-precondition', 'plan.overlayRefused', 'refused the overlay'],
  ['create-overlay', 'ENOENT', 'data-loss', 'plan.layerMissing', 'layer or directory'],
  ['create-erofs-overlay', 'EBADMSG', 'data-loss', 'plan.layerImageChanged', 'not what was made of it'],
  ['create-erofs-overlay', 'ENXIO', 'failed-precondition', 'plan.loopDevicesMissing', 'there is no loop device'],
  ['create-overlay', 'E2BIG', 'invalid-argument', 'plan.tooManyLayers', 'more layers'],
  ['set-rlimit', 'EPERM', 'permission-denied', 'plan.settingNotPermitted', 'does not let the agent set rlimit so'],
  ['write-sysctl', 'ENOENT', 'invalid-argument', 'plan.settingRefused', 'refused to write sysctl: net/x'],
  ['set-workdir', 'ENAMETOOLONG', 'invalid-argument', 'plan.pathTooLong', 'the path /w is longer'],
  ['attach-mount', 'ELOOP', 'permission-denied', 'plan.linkOnPath', '/proc leads over a symbolic link'],
  ['attach-mount', 'ENOTDIR', 'invalid-argument', 'plan.mountTargetUnsuitable', '/proc cannot be a mount point'],
  ['write-kernel-file', 'EINVAL', 'invalid-argument', 'plan.knobRefused', '/cg/memory.max = 1 (cgroups/memory: EINVAL'],
  ['write-kernel-file', 'ENOENT', 'failed-precondition', 'plan.knobMissing', 'knob /cg/memory.max = 1 is not there'],
  [
    'write-kernel-file',
    'EOPNOTSUPP',
    'failed-precondition',
    'plan.knobInactive',
    'does not obey the limit /cg/memory.max',
  ],
  ['join-cgroup', 'ENOENT', 'failed-precondition', 'plan.cgroupRefused', 'cgroup /cg'],
  ['join-cgroup', 'EAGAIN', 'resource-exhausted', 'plan.exhausted', 'run out'],
  ['apply-credentials', 'EPERM', 'permission-denied', 'plan.notPermitted', 'linux/capabilities: EPERM'],
  ['create-overlay', 'ENOSPC', 'resource-exhausted', 'plan.exhausted', 'filesystem/linux: ENOSPC'],
  ['attach-mount', 'ENOSYS', 'failed-precondition', 'plan.unsupported', 'this kernel cannot attach-mount'],
  ['attach-mount', 'EIO', 'internal', 'plan.stepFailed', 'step attach-mount failed on /proc (filesystem/linux: EIO'],
])('%s with %s is %s %s', (op, errno, kind, code, message) => {
  const error = describe(op, errno);
  expect(error).toMatchObject({ kind, code });
  expect(error.message).toContain(message);
});

test('a missing source of a bind names the path and who wants it', () => {
  const bind = step('volume/host_path', 'clone-tree', { slot: 0, path: '/data', recursive: 1, expect: 2 });
  const failure = { phase: 'child', stepIndex: 0, errno: ERRNO.ENOENT ?? 0, detail: '/data' } as const;
  const error = describeFailure({ hostSteps: [], childSteps: [bind] }, failure);
  expect(error).toMatchObject({ kind: 'not-found', code: 'plan.bindSourceMissing' });
  expect(error.message).toContain('/data that volume/host_path would show');
});

test('the helper tells which of user and group is missing', () => {
  expect(describe('resolve-user', 'ENOENT', 'staff').message).toContain('staff is not known there');
});

test('what the helper said is shown before what the step says', () => {
  expect(describe('attach-mount', 'EROFS', '/etc/hosts').message).toContain('/etc/hosts');
});

test('a session whose container has ended says so', () => {
  const error = failed({ phase: 'clone', stepIndex: 0, errno: ERRNO.ESRCH ?? 0, detail: '' });
  expect(error).toMatchObject({ kind: 'failed-precondition', code: 'plan.enteredProcessGone' });
});

test('a clone that is not permitted belongs to the launcher', () => {
  const error = failed({ phase: 'clone', stepIndex: 0, errno: ERRNO.EPERM ?? 0, detail: 'clone3' });
  expect(error).toMatchObject({ kind: 'permission-denied', details: { by: 'launcher' } });
});

test('an index beyond the list and an unknown errno still give an error', () => {
  const error = failed({ phase: 'child', stepIndex: 99, errno: 9999, detail: 'x' });
  expect(error).toMatchObject({ kind: 'internal', code: 'plan.stepFailed' });
  expect(error.message).toContain('errno 9999');
});
