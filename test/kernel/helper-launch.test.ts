import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FAILURE_PHASE, step } from '../../src/model/wire.ts';
import { isAlive, pidsOf, plainSteps, TestHelper, until } from './support/helper-client.ts';
import { failure, output, RAW_LOG } from './support/launches.ts';

const { EACCES, EINVAL, EISDIR, ENOENT } = constants.errno;
const CLONE_NEWNS = 0x20000;
const ENVIRONMENT = ['PATH=/usr/bin:/bin'];

let helper: TestHelper;

beforeEach(async () => {
  helper = new TestHelper();
  await helper.start();
});

afterEach(() => helper.stop());

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

  test('shows in the process list which monitor is whose', async () => {
    const { connection, values } = await helper.launch(helper.launchValues(['true']));
    const title = readFileSync(`/proc/${connection.workerPid}/cmdline`, 'utf8').replace(/\0+$/, '');
    expect(title).toBe(`isopod-helper monitor ${basename(values.socketPath)}`);
  });

  test('gives the process three streams, no other descriptor, no blocked and no ignored signal', async () => {
    const script =
      'ls /proc/self/fd | tr "\\n" " "; grep -E "^Sig(Blk|Ign)" /proc/self/status; cut -d" " -f5,6 /proc/$$/stat; echo $$';
    const { text } = await output(helper, helper.launchValues(['sh', '-c', script], RAW_LOG));
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
    expect(await output(helper, values)).toEqual({ text: 'yes', waitStatus: 0 });
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

  test('takes a start that came before it was prepared', async () => {
    const connection = await helper.connect();
    await Promise.all([
      connection.send('launch', helper.launchValues(['sh', '-c', 'exit 2'])),
      connection.send('start', {}),
    ]);
    await connection.expect('cloned');
    await connection.expect('prepared');
    await connection.expect('timings');
    await connection.expect('started');
    expect(Number((await connection.expect('exited')).waitStatus)).toBe(2 << 8);
  });

  test('goes on in PATH after a candidate that is not executable', async () => {
    const [first, second] = [join(helper.directory, 'first'), join(helper.directory, 'second')];
    for (const path of [first, second]) mkdirSync(path);
    writeFileSync(join(first, 'tool'), '', { mode: 0o644 });
    writeFileSync(join(second, 'tool'), '#!/bin/sh\necho second\n', { mode: 0o755 });
    const childSteps = plainSteps(['tool'], [`PATH=${first}::${second}`]);
    expect((await output(helper, helper.launchValues([], { ...RAW_LOG, childSteps }))).text).toBe('second\n');
    writeFileSync(join(first, 'lame'), '', { mode: 0o644 });
    const lame = helper.launchValues([], { childSteps: plainSteps(['lame'], [`PATH=${first}:${second}`]) });
    expect(await failure(helper, lame)).toMatchObject({ phase: FAILURE_PHASE.exec, errno: EACCES, detail: 'lame' });
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
    expect((await output(helper, helper.launchValues([], { ...RAW_LOG, childSteps }))).text).toBe('/given\n');
    const user = step('test', 'resolve-user', { user: '0', group: '' });
    const [awaitHost, awaitStart, exec] = plainSteps(['sh', '-c', 'echo $HOME']);
    if (awaitHost === undefined || awaitStart === undefined || exec === undefined) throw new Error('steps');
    const resolved = helper.launchValues([], { ...RAW_LOG, childSteps: [awaitHost, user, awaitStart, exec] });
    expect((await output(helper, resolved)).text).toBe('/root\n');
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
      const result = await failure(helper, helper.launchValues([command]));
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
    const result = await failure(helper, helper.launchValues([], { childSteps: [awaitHost, join_, awaitStart, exec] }));
    expect(result).toMatchObject({ frames: ['cloned'], phase: FAILURE_PHASE.child, step: 1, errno: ENOENT });
    expect(result.detail).toContain(missing);
  });

  test('in phase host, and the child is killed', async () => {
    const path = join(helper.directory, 'missing/below');
    const hostSteps = [step('test', 'make-directory', { path, mode: 0o755, existingOk: 0 })];
    const values = helper.launchValues(['true'], { hostSteps });
    const result = await failure(helper, values);
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
      const result = await failure(helper, helper.launchValues(['true'], changes));
      expect(result).toMatchObject({ frames: [], phase: FAILURE_PHASE.request, errno: EINVAL });
    }
  });
});
