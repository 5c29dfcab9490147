import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FAILURE_PHASE, LAUNCH_KIND, type MessageValues, step } from '../../src/model/wire.ts';
import { isAlive, pidsOf, plainSteps, TestHelper, type TestLaunch, until } from './support/helper-client.ts';
import { failure, logged, output, RAW_LOG } from './support/launches.ts';

const { ENOENT, ESRCH } = constants.errno;
const CLONE_NEWNS = 0x20000;
const CLONE_NEWUTS = 0x4000000;
const CLONE_NEWPID = 0x20000000;
const FREEZER = readFileSync('/proc/self/mounts', 'utf8')
  .split('\n')
  .map((line) => line.split(' '))
  .find(([, , type, options]) => type === 'cgroup' && options?.split(',').includes('freezer'))?.[1];

let helper: TestHelper;

beforeEach(async () => {
  helper = new TestHelper();
  await helper.start();
});

afterEach(() => helper.stop());

describe('a session', () => {
  function session(target: TestLaunch, command: readonly string[], changes: Partial<MessageValues<'launch'>> = {}) {
    return helper.launchValues(command, {
      kind: LAUNCH_KIND.session,
      trackingCgroup: target.values.trackingCgroup,
      stateDirectory: '',
      enterPid: target.pid,
      enterStartTime: target.startTime,
      enterNamespaces: target.values.cloneFlags,
      ...RAW_LOG,
      ...changes,
    });
  }
  const isolated = () =>
    helper.launchValues(['sleep', '1000'], { cloneFlags: CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWNS });

  test('runs in the namespaces and the group of its container', async () => {
    const target = await helper.run(isolated());
    const { pid } = await helper.run(session(target, ['sleep', '1000']));
    for (const kind of ['pid', 'uts', 'mnt']) {
      expect(readlinkSync(`/proc/${pid}/ns/${kind}`)).toBe(readlinkSync(`/proc/${target.pid}/ns/${kind}`));
    }
    expect(readlinkSync(`/proc/${pid}/ns/pid`)).not.toBe(readlinkSync('/proc/self/ns/pid'));
    expect(pidsOf(target.values.trackingCgroup).sort()).toEqual([pid, target.pid].sort());
  });

  test('ends with the status of its command and leaves the container running', async () => {
    const target = await helper.run(isolated());
    expect((await output(helper, session(target, ['sh', '-c', 'exit 3']))).waitStatus).toBe(3 << 8);
    expect(isAlive(target.pid)).toBe(true);
    expect(pidsOf(target.values.trackingCgroup)).toEqual([target.pid]);
  });

  test('without a pid namespace to enter is the process that was cloned', async () => {
    const target = await helper.run(helper.launchValues(['sleep', '1000'], { cloneFlags: CLONE_NEWUTS }));
    expect((await output(helper, session(target, ['sh', '-c', 'exit 4']))).waitStatus).toBe(4 << 8);
  });

  test('is refused when the pid belongs to another process by now', async () => {
    const target = await helper.run(isolated());
    const result = await failure(helper, session(target, ['true'], { enterStartTime: target.startTime + 1n }));
    expect(result).toMatchObject({ frames: [], phase: FAILURE_PHASE.clone, errno: ESRCH });
  });

  test('is killed when its connection closes before start, and its container is not', async () => {
    const target = await helper.run(isolated());
    const { connection, pid } = await helper.launch(session(target, ['sleep', '1000']));
    connection.close();
    await until('both are gone', () => !isAlive(pid) && !isAlive(connection.workerPid));
    expect(isAlive(target.pid)).toBe(true);
  });

  test('dies with its monitor, its container does not', async () => {
    const target = await helper.run(isolated());
    const running = await helper.run(session(target, ['sleep', '1000']));
    process.kill(running.connection.workerPid, 'SIGKILL');
    await until('the session is gone', () => !isAlive(running.pid));
    expect(isAlive(target.pid)).toBe(true);
  });
});

describe('a monitor that is killed', () => {
  test('costs its container the life, and the status says lost', async () => {
    const values = helper.launchValues(['sh', '-c', 'setsid sleep 1000 & sleep 1000']);
    const { connection } = await helper.run(values);
    await until('all have started', () => pidsOf(values.trackingCgroup).length === 3);
    process.kill(connection.workerPid, 'SIGKILL');
    const status = join(values.stateDirectory, 'status');
    await until('the status is there', () => existsSync(status));
    expect(readFileSync(status, 'utf8')).toMatch(/^lost 0 \d{13} 0\n$/);
    expect(pidsOf(values.trackingCgroup)).toEqual([]);
    expect(readdirSync(values.stateDirectory).sort()).toEqual(['logs', 'status']);
  });

  test.skipIf(FREEZER === undefined)(
    'costs it the life where tracking is a v1 freezer, even a frozen one',
    async () => {
      const group = join(FREEZER ?? '', basename(helper.group));
      const childSteps = [step('test', 'join-cgroup', { path: group, version: 1 }), ...plainSteps(['sleep', '1000'])];
      const { connection, pid, values } = await helper.run(
        helper.launchValues([], { trackingCgroup: group, childSteps }),
      );
      writeFileSync(join(group, 'freezer.state'), 'FROZEN');
      process.kill(connection.workerPid, 'SIGKILL');
      await until('the status is there', () => existsSync(join(values.stateDirectory, 'status')));
      await until('the process is gone', () => !existsSync(`/proc/${pid}`));
      rmdirSync(group);
    },
  );

  test('leaves no zombie', async () => {
    const values = helper.launchValues(['sleep', '1000']);
    const { connection, pid } = await helper.run(values);
    process.kill(connection.workerPid, 'SIGKILL');
    await until('all are reaped', () => !existsSync(`/proc/${pid}`) && !existsSync(`/proc/${connection.workerPid}`));
  });
});

describe('with a reaper', () => {
  const script = (text: string, changes: Partial<MessageValues<'launch'>> = {}) =>
    helper.launchValues(['sh', '-c', text], { reaper: 1, cloneFlags: CLONE_NEWPID, ...RAW_LOG, ...changes });

  test('the command is not the first process, and its status is passed on', async () => {
    expect(await output(helper, script('echo $$; exit 9'))).toEqual({ text: '2\n', waitStatus: 9 << 8 });
  });

  test('a death by signal is told as that, though the first process cannot die by one', async () => {
    expect((await output(helper, script('kill -TERM $$'))).waitStatus).toBe(15);
  });

  test('an exit code above 128 stays one', async () => {
    expect((await output(helper, script('exit 143'))).waitStatus).toBe(143 << 8);
  });

  test('signals reach the command', async () => {
    const values = script('trap "echo caught; exit 0" TERM; echo ready; while :; do sleep 0.01; done');
    const { connection } = await helper.run(values);
    await until('the trap is set', () => logged(values) === 'ready\n');
    await connection.send('signal', { signal: 15 });
    await connection.expect('done');
    expect(Number((await connection.expect('exited')).waitStatus)).toBe(0);
    expect(logged(values)).toBe('ready\ncaught\n');
  });

  test('orphans are reaped', async () => {
    const values = script('(sleep 0.05 &); echo orphaned; exec sleep 1000');
    const { pid } = await helper.run(values);
    await until('it is an orphan', () => logged(values) === 'orphaned\n');
    const children = () => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    await until('only the command is left', () => children().length === 1);
    expect(pidsOf(values.trackingCgroup)).toHaveLength(2);
  });

  test('a command that cannot be executed is reported as without one', async () => {
    const result = await failure(
      helper,
      helper.launchValues(['no-such-command'], { reaper: 1, cloneFlags: CLONE_NEWPID }),
    );
    expect(result).toMatchObject({ phase: FAILURE_PHASE.exec, errno: ENOENT, detail: 'no-such-command' });
  });
});

test('the helper stays out of reach of the container it is the first process of', async () => {
  const MS_REC_PRIVATE = 0x44000;
  const few = { bounding: 1, effective: 1, permitted: 1, inheritable: 0, ambient: 0 };
  const [awaitHost, ...rest] = plainSteps(['sh', '-c', 'cat /proc/1/cmdline; ls /proc/1/fd; readlink /proc/1/exe']);
  const values = helper.launchValues([], {
    ...RAW_LOG,
    reaper: 1,
    cloneFlags: CLONE_NEWPID | CLONE_NEWNS,
    childSteps: [
      awaitHost ?? step('test', 'await-host', {}),
      step('test', 'set-propagation', { flags: MS_REC_PRIVATE }),
      step('test', 'create-mount', { slot: 0, type: 'proc', source: 'proc', options: [], attributes: 0 }),
      step('test', 'attach-at', { slot: 0, target: '/proc' }),
      step('test', 'apply-credentials', few),
      ...rest,
    ],
  });
  expect(await output(helper, values)).toEqual({
    text: expect.stringMatching(/^isopod-helper init\0+$/),
    waitStatus: 1 << 8,
  });
});
