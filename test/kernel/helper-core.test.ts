import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FAILURE_PHASE, HELPER_ROLE, PROTOCOL_VERSION, step } from '../../src/model/wire.ts';
import { HELPER_BINARY, isAlive, pidsOf, TestHelper, until } from './support/helper-client.ts';

const { EINVAL, EEXIST, ENOENT } = constants.errno;
/** Where cgroup v1 has the controller of its own. */
const CPUSET = '/sys/fs/cgroup/cpuset';

let helper: TestHelper;

beforeEach(async () => {
  helper = new TestHelper();
  await helper.start();
});

afterEach(() => helper.stop());

function makeDirectory(path: string, existingOk = 0) {
  return step('test', 'make-directory', { path, mode: 0o750, existingOk });
}

test('version prints the protocol version', () => {
  expect(execFileSync(HELPER_BINARY, ['version'], { encoding: 'utf8' })).toBe(`${PROTOCOL_VERSION}\n`);
});

test('an unknown command exits 125 with the usage', () => {
  const { status, stderr } = spawnSync(HELPER_BINARY, ['no-such-command'], { encoding: 'utf8' });
  expect(status).toBe(125);
  expect(stderr).toContain('usage: isopod-helper fork-server');
});

test('a worker says hello before it is asked anything, and each connection has its own', async () => {
  const [first, second] = [await helper.connect(), await helper.connect()];
  expect(first.hello).toEqual({ version: PROTOCOL_VERSION, pid: first.workerPid, role: HELPER_ROLE.worker });
  expect(first.workerPid).not.toBe(second.workerPid);
  expect(isAlive(first.workerPid)).toBe(true);
});

test('a worker whose peer leaves without a request exits', async () => {
  const connection = await helper.connect();
  connection.close();
  await until('the worker is gone', () => !isAlive(connection.workerPid));
});

test('only the owner may use the socket', () => {
  expect(statSync(helper.socketPath).mode & 0o777).toBe(0o600);
});

test('a peer of another user is turned away even when it can reach the socket', async () => {
  execFileSync('chmod', ['711', helper.directory]);
  execFileSync('chmod', ['666', helper.socketPath]);
  const script = `import socket; s = socket.socket(socket.AF_UNIX); s.connect('${helper.socketPath}'); print(s.recv(64))`;
  const answer = await new Promise<string>((resolve, reject) => {
    const client = spawn('python3', ['-c', script], { uid: 65534, gid: 65534 });
    let text = '';
    client.stdout.on('data', (chunk) => (text += chunk));
    client.once('error', reject);
    client.once('close', () => resolve(text));
  });
  expect(answer.trim()).toBe("b''");
});

describe('host steps', () => {
  test('run in order and answer done, as often as asked', async () => {
    const connection = await helper.connect();
    const directory = join(helper.directory, 'made');
    const content = Buffer.from('hello');
    await connection.send('run', {
      hostSteps: [
        makeDirectory(directory),
        step('test', 'write-file', { path: join(directory, 'f'), mode: 0o640, content }),
      ],
    });
    await connection.expect('done');
    expect(readFileSync(join(directory, 'f'), 'utf8')).toBe('hello');
    await connection.send('run', { hostSteps: [] });
    await connection.expect('done');
  });

  test('stop at the first that fails and name its index, errno and path', async () => {
    const connection = await helper.connect();
    const missing = join(helper.directory, 'missing/below');
    const [before, after] = [join(helper.directory, 'before'), join(helper.directory, 'after')];
    await connection.send('run', { hostSteps: [makeDirectory(before), makeDirectory(missing), makeDirectory(after)] });
    expect(await connection.expectFailure()).toEqual({
      phase: FAILURE_PHASE.host,
      step: 1,
      errno: ENOENT,
      detail: missing,
    });
    expect([existsSync(before), existsSync(after)]).toEqual([true, false]);
    await connection.send('run', { hostSteps: [makeDirectory(before)] });
    expect((await connection.expectFailure()).errno).toBe(EEXIST);
  });

  test('that belong into a child are refused before any step is done', async () => {
    const connection = await helper.connect();
    const directory = join(helper.directory, 'made');
    await connection.send('run', {
      hostSteps: [makeDirectory(directory), step('test', 'set-hostname', { name: 'stolen' })],
    });
    expect(await connection.expectFailure()).toMatchObject({ phase: FAILURE_PHASE.request, errno: EINVAL });
    expect(existsSync(directory)).toBe(false);
  });
});

describe('locks', () => {
  async function lock(path: string) {
    const connection = await helper.connect();
    await connection.send('lock', { path });
    return connection;
  }

  test('are held by one, and the other learns who holds it', async () => {
    const path = join(helper.directory, 'lock');
    await (await lock(path)).expect('locked');
    expect(await (await lock(path)).expect('lockHeld')).toEqual({ holder: String(process.pid) });
  });

  test('go when the holder closes its connection', async () => {
    const path = join(helper.directory, 'lock');
    const first = await lock(path);
    await first.expect('locked');
    first.close();
    await until('the worker is gone', () => !isAlive(first.workerPid));
    await (await lock(path)).expect('locked');
  });

  test('go when the worker that holds it is killed', async () => {
    const path = join(helper.directory, 'lock');
    const first = await lock(path);
    await first.expect('locked');
    process.kill(first.workerPid, 'SIGKILL');
    expect(await first.receive()).toBeUndefined();
    await (await lock(path)).expect('locked');
  });
});

describe('the fork server', () => {
  test('leaves a second one on the same socket no place: it exits 0', () => {
    const second = spawnSync(HELPER_BINARY, ['fork-server', helper.socketPath, helper.logPath], { timeout: 30_000 });
    expect(second.status).toBe(0);
    expect(existsSync(helper.socketPath)).toBe(true);
  });

  test('joins the groups that it is given, and makes missing ones', async () => {
    const group = join(helper.group, 'engine/deep');
    const other = new TestHelper();
    const server = spawn(HELPER_BINARY, ['fork-server', other.socketPath, other.logPath, group], { stdio: 'ignore' });
    try {
      await until('it listens', () => existsSync(other.socketPath));
      expect(pidsOf(group)).toEqual([server.pid]);
    } finally {
      server.kill('SIGKILL');
      await other.stop();
    }
  });

  test.skipIf(!existsSync(join(CPUSET, 'cpuset.cpus')))(
    'joins a cpuset that it has to make with the CPUs of the one above',
    async () => {
      const made = join(CPUSET, `isopod-test-${process.pid}`);
      const other = new TestHelper();
      const words = ['fork-server', other.socketPath, other.logPath, join(made, 'engine')];
      const server = spawn(HELPER_BINARY, words, { stdio: 'ignore' });
      try {
        await until('it listens', () => existsSync(other.socketPath));
        expect(pidsOf(join(made, 'engine'))).toEqual([server.pid]);
        for (const file of ['cpuset.cpus', 'cpuset.mems']) {
          expect(readFileSync(join(made, 'engine', file))).toEqual(readFileSync(join(CPUSET, file)));
        }
      } finally {
        server.kill('SIGKILL');
        await other.stop();
        await until('nobody is in it', () => pidsOf(join(made, 'engine')).length === 0);
        for (const group of [join(made, 'engine'), made]) rmdirSync(group);
      }
    },
  );

  test('retires: socket and lock are free at once, and it ends with its last monitor', async () => {
    const running = await helper.run(helper.launchValues(['sleep', '1000']));
    const old = helper.server;
    const connection = await helper.connect();
    await connection.send('retire', {});
    await connection.expect('done');
    expect(existsSync(helper.socketPath)).toBe(false);
    const successor = await helper.start();
    connection.close();
    expect([isAlive(running.pid), isAlive(old?.pid ?? 0), isAlive(successor.pid ?? 0)]).toEqual([true, true, true]);
    await running.connection.send('signal', { signal: 9 });
    await running.connection.expect('done');
    await running.connection.expect('exited');
    await running.connection.send('release', {});
    await until('the retired one has ended', () => !isAlive(old?.pid ?? 0));
    expect(old?.exitCode ?? 0).toBe(0);
  });

  test('that was killed can be replaced while its monitors live on', async () => {
    const running = await helper.run(helper.launchValues(['sh', '-c', 'sleep 0.3; exit 5']));
    const killed = new Promise((resolve) => helper.server?.once('exit', resolve));
    helper.server?.kill('SIGKILL');
    await killed;
    await helper.start();
    await helper.connect();
    expect(Number((await running.connection.expect('exited')).waitStatus)).toBe(5 << 8);
  });

  test('takes waiting workers with it when it is killed, but no lock', async () => {
    const path = join(helper.directory, 'lock');
    const [waiting, holding] = [await helper.connect(), await helper.connect()];
    await holding.send('lock', { path });
    await holding.expect('locked');
    helper.server?.kill('SIGKILL');
    expect(await waiting.receive()).toBeUndefined();
    await helper.start();
    const other = await helper.connect();
    await other.send('lock', { path });
    await other.expect('lockHeld');
  });

  test('has nothing left of a hundred launches but what it had before', async () => {
    const pid = helper.server?.pid;
    const children = () => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    // Whether it listens was asked by a connection, too.
    await until('there is no child yet', () => children() === '');
    const descriptors = readdirSync(`/proc/${pid}/fd`).length;
    const launchOnce = async () => {
      const { connection } = await helper.run(helper.launchValues(['true']));
      await connection.expect('exited');
      await connection.send('release', {});
      connection.close();
    };
    for (let round = 0; round < 5; round += 1) await Promise.all(Array.from({ length: 20 }, launchOnce));
    await until('every child is reaped', () => children() === '');
    await until('no more is open than before', () => readdirSync(`/proc/${pid}/fd`).length <= descriptors);
    expect(readFileSync(helper.logPath, 'utf8')).toBe('');
  });

  test('ends by itself some time after its last connection and its last monitor', async () => {
    const idle = new TestHelper();
    try {
      const server = await idle.start([HELPER_BINARY], ['--idle-ms', '1000']);
      const ended = new Promise((resolve) => server.once('exit', resolve));
      const { connection } = await idle.run(idle.launchValues(['sleep', '1.5']));
      await connection.expect('exited');
      expect(server.exitCode).toBeNull();
      const begun = performance.now();
      await connection.send('release', {});
      expect(await ended).toBe(0);
      expect(performance.now() - begun).toBeGreaterThan(900);
      expect(existsSync(idle.socketPath)).toBe(false);
    } finally {
      await idle.stop();
    }
  });
});

test('enter joins groups, leaves the session and runs the command', () => {
  const group = join(helper.group, 'agent');
  const script = 'cat /proc/self/cgroup; pwd; umask; cut -d" " -f6 /proc/self/stat; echo $$';
  const text = execFileSync(HELPER_BINARY, ['enter', group, '--', 'sh', '-c', script], {
    encoding: 'utf8',
    cwd: '/tmp',
  });
  const lines = text.trim().split('\n');
  expect(lines.some((line) => line.startsWith('0::') && group.endsWith(line.slice(3)))).toBe(true);
  expect(lines.slice(-4, -2)).toEqual(['/', '0022']);
  expect(lines.at(-2)).toBe(lines.at(-1));
});
