import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FAILURE_PHASE, LAUNCH_KIND, LOG_FORMAT, type MessageValues, STDIO, step } from '../../src/model/wire.ts';
import {
  type TestHelper as Helper,
  isAlive,
  pidsOf,
  plainSteps,
  TestHelper,
  type TestLaunch,
  until,
} from './support/helper-client.ts';

const { EACCES, EINVAL, EISDIR, ENOENT, ESRCH } = constants.errno;
const CLONE_NEWNS = 0x20000;
const CLONE_NEWUTS = 0x4000000;
const CLONE_NEWPID = 0x20000000;
const ENVIRONMENT = ['PATH=/usr/bin:/bin'];

let helper: Helper;

beforeEach(async () => {
  helper = new TestHelper();
  await helper.start();
});

afterEach(() => helper.stop());

const RAW_LOG = { logFormat: LOG_FORMAT.raw };

function logged(values: MessageValues<'launch'>): string {
  return readFileSync(join(values.logDirectory, 'stdout'), 'utf8');
}

/** Runs a command to its end and returns what it printed and how it ended. */
async function output(values: MessageValues<'launch'>) {
  const launch = await helper.run(values);
  const { waitStatus } = await launch.connection.expect('exited');
  return { text: logged(values), waitStatus: Number(waitStatus) };
}

async function failure(values: MessageValues<'launch'>) {
  const connection = await helper.connect();
  await connection.send('launch', values);
  const frames = [];
  for (;;) {
    const frame = await connection.receive();
    if (frame === undefined) throw new Error(`no failure after ${frames.join(' ')}`);
    if (frame.name === 'prepared') await connection.send('start', {});
    if (frame.name !== 'failed') {
      frames.push(frame.name);
      continue;
    }
    const { phase, step: index, errno, detail } = frame.values as MessageValues<'failed'>;
    await until('the monitor is gone', () => !isAlive(connection.workerPid));
    return { frames, phase: Number(phase), step: Number(index), errno: Number(errno), detail };
  }
}

describe('a launch', () => {
  test('goes from cloned over prepared and started to exited, and leaves its status', async () => {
    const values = helper.launchValues(['sh', '-c', 'exit 7']);
    const { connection, pid } = await helper.launch(values);
    expect(pidsOf(values.trackingCgroup)).toEqual([pid]);
    await connection.send('start', {});
    const { names } = await connection.expect('timings');
    expect(names).toEqual(expect.arrayContaining(['clone', 'host-steps']));
    await connection.expect('started');
    const { waitStatus, atMs } = await connection.expect('exited');
    expect(Number(waitStatus)).toBe(7 << 8);
    expect(readFileSync(join(values.stateDirectory, 'status'), 'utf8')).toBe(`exited ${7 << 8} ${atMs} 1\n`);
    await connection.send('release', {});
    await until('the monitor is gone', () => !isAlive(connection.workerPid));
  });

  test('reports the start time that the kernel tells', async () => {
    const { pid, startTime } = await helper.launch(helper.launchValues(['true']));
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    expect(fields[19]).toBe(String(startTime));
  });

  test('gives the process three streams, no other descriptor, no blocked and no ignored signal', async () => {
    const script =
      'ls /proc/self/fd | tr "\\n" " "; grep -E "^Sig(Blk|Ign)" /proc/self/status; cut -d" " -f5,6 /proc/$$/stat; echo $$';
    const { text } = await output(helper.launchValues(['sh', '-c', script], RAW_LOG));
    const [first, , second, third] = text.split('\n');
    // The fourth is the directory that ls reads.
    expect(first).toMatch(/^0 1 2 3 SigBlk:\s0{16}$/);
    expect(text).toMatch(/SigIgn:\s0{16}\n/);
    expect(second).toBe(`${third} ${third}`);
  });

  test('hands what host steps made to the child', async () => {
    const directory = join(helper.directory, 'tree');
    const target = join(helper.directory, 'target');
    for (const path of [directory, target]) mkdirSync(path);
    writeFileSync(join(directory, 'seen'), 'yes');
    const MS_REC_PRIVATE = 0x44000;
    const values = helper.launchValues([], {
      ...RAW_LOG,
      cloneFlags: CLONE_NEWNS,
      hostSteps: [step('test', 'clone-tree', { slot: 5, path: directory, recursive: 0, expect: 1 })],
      childSteps: [
        step('test', 'set-propagation', { flags: MS_REC_PRIVATE }),
        step('test', 'await-host', {}),
        step('test', 'attach-at', { slot: 5, target }),
        step('test', 'await-start', {}),
        step('test', 'exec', { arguments: ['cat', join(target, 'seen')], environment: ENVIRONMENT }),
      ],
    });
    expect(await output(values)).toEqual({ text: 'yes', waitStatus: 0 });
    expect(existsSync(join(target, 'seen'))).toBe(false);
  });

  test('runs the command only after start', async () => {
    const file = join(helper.directory, 'ran');
    const { connection, pid } = await helper.launch(helper.launchValues(['touch', file]));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([existsSync(file), isAlive(pid)]).toEqual([false, true]);
    await connection.send('start', {});
    await connection.expect('timings');
    await connection.expect('started');
    await connection.expect('exited');
    expect(existsSync(file)).toBe(true);
  });

  test('is killed, and its monitor ends, when the connection closes before start', async () => {
    const { connection, pid, values } = await helper.launch(helper.launchValues(['sleep', '1000']));
    connection.close();
    await until('both are gone', () => !isAlive(pid) && !isAlive(connection.workerPid));
    expect(pidsOf(values.trackingCgroup)).toEqual([]);
    expect(existsSync(join(values.stateDirectory, 'status'))).toBe(false);
  });

  test('looks the command up in PATH and sets HOME only when it is missing', async () => {
    const childSteps = plainSteps(['sh', '-c', 'echo $HOME'], [...ENVIRONMENT, 'HOME=/given']);
    expect((await output(helper.launchValues([], { ...RAW_LOG, childSteps }))).text).toBe('/given\n');
    const user = step('test', 'resolve-user', { user: '0', group: '' });
    const [awaitHost, awaitStart, exec] = plainSteps(['sh', '-c', 'echo $HOME']);
    if (awaitHost === undefined || awaitStart === undefined || exec === undefined) throw new Error('steps');
    const resolved = helper.launchValues([], { ...RAW_LOG, childSteps: [awaitHost, user, awaitStart, exec] });
    expect((await output(resolved)).text).toBe('/root\n');
  });
});

describe('a launch fails', () => {
  test('in phase exec with the reason and the command', async () => {
    const script = join(helper.directory, 'plain');
    writeFileSync(script, 'text', { mode: 0o644 });
    const cases: readonly [string, number][] = [
      ['no-such-command', ENOENT],
      ['/no/such/path', ENOENT],
      [helper.directory, EISDIR],
      [script, EACCES],
    ];
    for (const [command, errno] of cases) {
      const result = await failure(helper.launchValues([command]));
      expect(result).toEqual({
        frames: ['cloned', 'prepared'],
        phase: FAILURE_PHASE.exec,
        step: 2,
        errno,
        detail: command,
      });
    }
  });

  test('in phase child with the index of the step', async () => {
    const missing = join(helper.directory, 'missing');
    const [awaitHost, awaitStart, exec] = plainSteps(['true']);
    if (awaitHost === undefined || awaitStart === undefined || exec === undefined) throw new Error('steps');
    const join_ = step('test', 'join-cgroup', { path: missing, version: 2 });
    const result = await failure(helper.launchValues([], { childSteps: [awaitHost, join_, awaitStart, exec] }));
    expect(result).toMatchObject({ frames: ['cloned'], phase: FAILURE_PHASE.child, step: 1, errno: ENOENT });
    expect(result.detail).toContain(missing);
  });

  test('in phase host, and the child is killed', async () => {
    const path = join(helper.directory, 'missing/below');
    const hostSteps = [step('test', 'make-directory', { path, mode: 0o755, existingOk: 0 })];
    const values = helper.launchValues(['true'], { hostSteps });
    const result = await failure(values);
    expect(result).toEqual({ frames: ['cloned'], phase: FAILURE_PHASE.host, step: 0, errno: ENOENT, detail: path });
    await until('the group is empty', () => pidsOf(values.trackingCgroup).length === 0);
  });

  test('in phase request when it holds no start barrier, does not end with exec, or asks for what is no namespace', async () => {
    const [awaitHost, awaitStart, exec] = plainSteps(['true']);
    if (awaitHost === undefined || awaitStart === undefined || exec === undefined) throw new Error('steps');
    const CLONE_VM = 0x100;
    const wrong = [
      { childSteps: [awaitHost, exec] },
      { childSteps: [awaitHost, awaitStart] },
      { cloneFlags: CLONE_VM },
    ];
    for (const changes of wrong) {
      const result = await failure(helper.launchValues(['true'], changes));
      expect(result).toMatchObject({ frames: [], phase: FAILURE_PHASE.request, errno: EINVAL });
    }
  });
});

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
    expect((await output(session(target, ['sh', '-c', 'exit 3']))).waitStatus).toBe(3 << 8);
    expect(isAlive(target.pid)).toBe(true);
    expect(pidsOf(target.values.trackingCgroup)).toEqual([target.pid]);
  });

  test('without a pid namespace to enter is the process that was cloned', async () => {
    const target = await helper.run(helper.launchValues(['sleep', '1000'], { cloneFlags: CLONE_NEWUTS }));
    expect((await output(session(target, ['sh', '-c', 'exit 4']))).waitStatus).toBe(4 << 8);
  });

  test('is refused when the pid belongs to another process by now', async () => {
    const target = await helper.run(isolated());
    const result = await failure(session(target, ['true'], { enterStartTime: target.startTime + 1n }));
    expect(result).toMatchObject({ frames: [], phase: FAILURE_PHASE.clone, errno: ESRCH });
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
    expect(await output(script('echo $$; exit 9'))).toEqual({ text: '2\n', waitStatus: 9 << 8 });
  });

  test('a death by signal becomes 128 and its number', async () => {
    expect((await output(script('kill -TERM $$'))).waitStatus).toBe((128 + 15) << 8);
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
    const values = script('(sleep 0.05 &); sleep 1000');
    const { pid } = await helper.run(values);
    await until('the orphan came and went', () => {
      const states = pidsOf(values.trackingCgroup).length;
      return states === 2 && !readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().includes(' ');
    });
  });

  test('a command that cannot be executed is reported as without one', async () => {
    const result = await failure(helper.launchValues(['no-such-command'], { reaper: 1, cloneFlags: CLONE_NEWPID }));
    expect(result).toMatchObject({ phase: FAILURE_PHASE.exec, errno: ENOENT, detail: 'no-such-command' });
  });
});

describe('with a terminal', () => {
  const terminal = { stdio: STDIO.terminal, rows: 33, columns: 77, ...RAW_LOG };

  test.each([0, 1])('the command has it as controlling terminal, at the size asked for (reaper %i)', async (reaper) => {
    const text = 'tty; stty size; : < /dev/tty && echo controlling; ps -o tpgid= -o pgid= -p $$ | tr -s " "';
    const result = await output(helper.launchValues(['sh', '-c', text], { ...terminal, reaper }));
    const lines = result.text.replaceAll('\r', '').trim().split('\n');
    expect(lines.slice(0, 3)).toEqual([expect.stringMatching(/^\/dev\/pts\/\d+$/), '33 77', 'controlling']);
    const [foreground, own] = (lines[3] ?? '').trim().split(' ');
    expect(foreground).toBe(own);
  });

  test('nothing but the terminal is open', async () => {
    const result = await output(helper.launchValues(['sh', '-c', 'echo $(ls /proc/self/fd)'], terminal));
    expect(result.text).toBe('0 1 2 3\r\n');
  });
});
