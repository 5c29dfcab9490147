import { expect, test } from 'vitest';
import { completeConfig } from '../model/container-request.ts';
import type { LaunchPlan } from '../model/launch-plan.ts';
import { confinedAsParent, hasMoreThan, parseStatus, withDebugDefaults } from './debugged.ts';

const bare = (fields: object) =>
  completeConfig({ rootfs: { kind: 'image', reference: 'busybox' }, ...fields } as Parameters<
    typeof completeConfig
  >[0]);
const parentOf = (fields: object) => ({ uid: '0123456789ab', config: bare(fields) }) as never;

test('what a debug container has of its target is said for it, and nothing for any other', () => {
  const other = bare({ parent: 'web' });
  expect(withDebugDefaults(other, parentOf({}))).toBe(other);
  const security = { privileged: true, seccomp: { kind: 'unconfined' } };
  expect(withDebugDefaults(bare({ parent: 'web', debug: true }), parentOf({ security }))).toMatchObject({
    shareCgroups: true,
    namespaces: { pid: { kind: 'parent' }, ipc: { kind: 'parent' }, uts: { kind: 'parent' } },
    security,
  });
});

test('a target under Landlock has no debug container', () => {
  const landlock = { rules: [] };
  const parent = { uid: '0123456789ab', config: { ...bare({}), landlock } } as never;
  expect(() => withDebugDefaults(bare({ parent: 'web', debug: true }), parent)).toThrow(
    expect.objectContaining({ code: 'engine.debugsLandlock', kind: 'failed-precondition' }),
  );
});

const sets = (names: readonly string[]) => ({
  ...{ bounding: names, effective: names, permitted: names, inheritable: [], ambient: [], by: 'linux/capabilities' },
});
const plan = (fields: object) => ({ umask: 0o22, capabilities: sets(['CHOWN']), ...fields }) as unknown as LaunchPlan;

test('rights and limits are those of the plan of its target, whatever is granted by now', () => {
  const seccomp = { program: 'theirs', by: 'linux/seccomp' };
  const settings = { rlimits: { value: [], by: 'posix/rlimits' }, sysctls: { value: [], by: 'linux/sysctl' } };
  const parent = plan({ umask: 0o77, capabilities: sets(['KILL']), seccomp, settings });
  const own = plan({ seccomp: { program: 'ours' }, noNewPrivileges: { value: true }, settings: { oomScoreAdj: {} } });
  expect(confinedAsParent(own, parent, false)).toEqual({
    ...{ umask: 0o77, capabilities: sets(['KILL']), seccomp, settings: { rlimits: settings.rlimits } },
  });
  expect(confinedAsParent(own, plan({}), false)).toEqual({ umask: 0o22, capabilities: sets(['CHOWN']) });
  expect(confinedAsParent(own, parent, true)).toMatchObject({
    ...{ capabilities: sets(['CHOWN']), seccomp: { program: 'ours' }, noNewPrivileges: { value: true } },
  });
});

test('more was asked for when what it may do is not said as of its target', () => {
  expect(hasMoreThan(bare({}), bare({}))).toBe(false);
  expect(hasMoreThan(bare({ security: { capabilities: { add: ['SYS_PTRACE'] } } }), bare({}))).toBe(true);
});

test('the first process of a container has the innermost of its numbers, and its real ids', () => {
  const text = 'Name:\tx\nUid:\t1000\t0\t0\t0\nGid:\t1001\t0\t0\t0\nNSpid:\t4242\t17\t1\n';
  expect(parseStatus(text)).toEqual({ pid: 1, uid: 1000, gid: 1001 });
  expect(parseStatus('')).toBeUndefined();
});
