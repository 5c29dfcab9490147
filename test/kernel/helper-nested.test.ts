import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FAILURE_PHASE, step } from '../../src/model/wire.ts';
import { HELPER_BINARY, isAlive, TestHelper, type TestLaunch, until } from './support/helper-client.ts';
import { failure } from './support/launches.ts';

const { ENOSPC, ESRCH, ENOSYS, EPERM } = constants.errno;
const CLONE_NEWPID = 0x2000_0000;
const CLONE_NEWUSER = 0x1000_0000;
const CLONE_NEWUTS = 0x0400_0000;
/** clone3(2), the same number on every architecture. */
const CLONE3 = 435;
/** MAX_PID_NS_LEVEL, include/linux/pid_namespace.h; the host's first namespace is level 0. */
const MOST_LEVELS = 32;
const SLEEP = ['sleep', '1000'];
const MAP = '0 100000 65536\n';

let helper: TestHelper;
beforeEach(() => {
  helper = new TestHelper();
});
afterEach(() => helper.stop());

/** What makes a child live in the namespaces of another process. */
const entering = ({ pid, startTime }: Pick<TestLaunch, 'pid' | 'startTime'>, flags: number) =>
  step('test', 'enter-namespaces', { pid, startTime, flags });

/** A process in a pid namespace of its own, in that of another one if there is one. */
function nested(around?: TestLaunch): Promise<TestLaunch> {
  const hostSteps = around === undefined ? [] : [entering(around, CLONE_NEWPID)];
  return helper.run(helper.launchValues(SLEEP, { cloneFlags: CLONE_NEWPID, hostSteps }));
}

/** How many pid namespaces a process is in, counted from the one of our /proc. */
const levels = (pid: number): number =>
  readFileSync(`/proc/${pid}/status`, 'utf8')
    .match(/^NSpid:\s*(.*)$/m)?.[1]
    ?.split(/\s+/).length ?? 0;
const link = (pid: number | 'self', kind: string) => readlinkSync(`/proc/${pid}/ns/${kind}`);

function raise(message: string): never {
  throw new Error(message);
}

test('a pid namespace that is made by a child lies in the one that was entered, and its monitor knows and reaps the child', async () => {
  await helper.start();
  const outer = await nested();
  const inner = await nested(outer);
  expect([levels(outer.pid), levels(inner.pid)]).toEqual([levels(process.pid) + 1, levels(process.pid) + 2]);
  process.kill(inner.pid, 'SIGKILL');
  const { waitStatus } = await inner.connection.expect('exited');
  expect(Number(waitStatus)).toBe(9);
  expect(isAlive(outer.pid)).toBe(true);
});

test('the end of the outer one ends the inner one, which is reaped by its own monitor', async () => {
  await helper.start();
  const outer = await nested();
  const inner = await nested(outer);
  process.kill(outer.pid, 'SIGKILL');
  expect(Number((await inner.connection.expect('exited')).waitStatus)).toBe(9);
  expect(Number((await outer.connection.expect('exited')).waitStatus)).toBe(9);
});

test('what the monitor starts after that is in its own namespaces', async () => {
  await helper.start();
  const outer = await helper.run(helper.launchValues(SLEEP, { cloneFlags: CLONE_NEWPID | CLONE_NEWUTS }));
  const seen = join(helper.directory, 'seen');
  const script = `readlink /proc/self/ns/pid /proc/self/ns/uts >${seen}`;
  const program = {
    ...{ name: 'test', path: '/bin/sh', arguments: ['sh', '-c', script], environment: ['PATH=/usr/bin:/bin'] },
    ...{ before: new Uint8Array(0), after: new Uint8Array(0), timeoutMs: 10_000 },
  };
  const hostSteps = [entering(outer, CLONE_NEWPID | CLONE_NEWUTS), step('test', 'run-program', program)];
  const inner = await helper.run(helper.launchValues(SLEEP, { cloneFlags: CLONE_NEWPID, hostSteps }));
  expect(readFileSync(seen, 'utf8')).toBe(`${link('self', 'pid')}\n${link('self', 'uts')}\n`);
  expect(link(inner.pid, 'uts')).toBe(link(outer.pid, 'uts'));
});

test('a child is born into the user namespace of another process, and its new namespaces belong to that', async () => {
  await helper.start();
  const maps = [step('test', 'write-id-maps', { uidMap: MAP, gidMap: MAP })];
  const childSteps = (...more: ReturnType<typeof step>[]) => [
    step('test', 'await-host', {}),
    step('test', 'become-root', {}),
    ...more,
    step('test', 'await-start', {}),
    step('test', 'exec', { arguments: SLEEP, environment: ['PATH=/usr/bin:/bin'] }),
  ];
  const cloneFlags = CLONE_NEWPID | CLONE_NEWUTS;
  const first = helper.launchValues([], {
    cloneFlags: cloneFlags | CLONE_NEWUSER,
    hostSteps: maps,
    childSteps: childSteps(),
  });
  const outer = await helper.run(first);
  const hostSteps = [entering(outer, CLONE_NEWPID | CLONE_NEWUSER)];
  // Only who has rights over the namespace that it was born in may name it.
  const named = childSteps(step('test', 'set-hostname', { name: 'inner' }));
  const inner = await helper.run(helper.launchValues([], { cloneFlags, hostSteps, childSteps: named }));
  expect(link(inner.pid, 'user')).toBe(link(outer.pid, 'user'));
  expect(link(inner.pid, 'user')).not.toBe(link('self', 'user'));
  expect(readFileSync(`/proc/${inner.pid}/status`, 'utf8')).toMatch(/^Uid:\t100000\t/m);
  expect(link(inner.connection.workerPid, 'user')).toBe(link('self', 'user'));
});

test('a process that is another one by now is not entered', async () => {
  await helper.start();
  const { pid, startTime } = await nested();
  for (const flags of [CLONE_NEWPID, CLONE_NEWUSER]) {
    const hostSteps = [entering({ pid, startTime: startTime + 1n }, flags)];
    const refused = helper.launchValues(SLEEP, { cloneFlags: CLONE_NEWPID, hostSteps });
    expect(await failure(helper, refused)).toMatchObject({ phase: FAILURE_PHASE.host, step: 0, errno: ESRCH });
  }
});

test('the kernel refuses one level more than it has, and nothing of that is left', async () => {
  await helper.start();
  const tower = [await nested()];
  const top = () => tower[tower.length - 1] ?? raise('the tower is empty');
  // We may be in a pid namespace of somebody else's ourselves, and cannot see how deep.
  for (let next: TestLaunch | undefined = top(); next !== undefined && tower.length <= MOST_LEVELS; ) {
    next = await nested(top()).catch(() => undefined); // why is looked at below
    if (next !== undefined) tower.push(next);
  }
  expect(tower.length).toBeLessThanOrEqual(MOST_LEVELS);
  const hostSteps = [entering(top(), CLONE_NEWPID)];
  const refused = await failure(helper, helper.launchValues(SLEEP, { cloneFlags: CLONE_NEWPID, hostSteps }));
  expect(refused).toMatchObject({ phase: FAILURE_PHASE.clone, errno: ENOSPC, frames: [] });
  const pids = tower.map(({ pid }) => pid);
  expect(pids.every(isAlive)).toBe(true);
  process.kill(pids[0] ?? 0, 'SIGKILL');
  await until('all levels are gone', () => !pids.some(isAlive));
});

test.each([
  ['ENOSYS', ENOSYS],
  ['EPERM', EPERM],
] as const)('where clone3 answers %s it is done with clone', async (_name, errno) => {
  const deny = join(helper.directory, 'deny');
  const source = join(import.meta.dirname, '../../native/test/deny.c');
  execFileSync('gcc', ['-Wall', '-Wextra', '-Werror', '-o', deny, source]);
  await helper.start([deny, String(errno), String(CLONE3), '--', HELPER_BINARY]);
  const outer = await nested();
  const inner = await nested(outer);
  expect(levels(inner.pid)).toBe(levels(outer.pid) + 1);
  expect(readFileSync(join(inner.values.trackingCgroup, 'cgroup.procs'), 'utf8')).toBe(`${inner.pid}\n`);
});

test('no process between the monitor and its child is left', async () => {
  await helper.start();
  const outer = await nested();
  const inner = await nested(outer);
  const { workerPid } = inner.connection;
  const children = readFileSync(`/proc/${workerPid}/task/${workerPid}/children`, 'utf8').trim();
  expect(children).toBe(String(inner.pid));
});
