import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  FAILURE_PHASE,
  HELPER_ROLE,
  MAX_PAYLOAD_BYTES,
  MESSAGES,
  PROTOCOL_VERSION,
  step,
} from '../../src/model/wire.ts';
import { encodeMessage } from '../../src/model/wire-codec.ts';
import { HELPER_BINARY, isAlive, pidsOf, TestHelper, until } from './support/helper-client.ts';

const { EBADMSG, EINVAL, EEXIST, ENOENT, EMSGSIZE, EPROTO } = constants.errno;

let helper: TestHelper;

beforeEach(async () => {
  helper = new TestHelper();
  await helper.start();
});

afterEach(() => helper.stop());

function frame(type: number, payload: Uint8Array, length = payload.length): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(length);
  header.writeUInt8(type, 4);
  return Buffer.concat([header, payload]);
}

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

describe('a malformed frame', () => {
  async function answerTo(bytes: Uint8Array) {
    const connection = await helper.connect();
    await connection.sendBytes(bytes);
    const { phase, errno } = await connection.expectFailure();
    expect(await connection.receive()).toBeUndefined();
    connection.close();
    return { phase, errno };
  }
  const refusal = (errno: number) => ({ phase: FAILURE_PHASE.request, errno });

  test('of an unknown type or out of place is refused', async () => {
    expect(await answerTo(frame(200, new Uint8Array(0)))).toEqual(refusal(EPROTO));
    expect(await answerTo(frame(MESSAGES.start.code, new Uint8Array(0)))).toEqual(refusal(EPROTO));
  });

  test('over the size limit is refused without being read', async () => {
    expect(await answerTo(frame(MESSAGES.run.code, new Uint8Array(0), MAX_PAYLOAD_BYTES + 1))).toEqual(
      refusal(EMSGSIZE),
    );
  });

  test('with bytes in the header that must be zero is refused', async () => {
    const bytes = frame(MESSAGES.retire.code, new Uint8Array(0));
    bytes.writeUInt8(1, 6);
    expect(await answerTo(bytes)).toEqual(refusal(EBADMSG));
  });

  test('with a NUL inside a string, or bytes too many, is refused', async () => {
    const { type, payload } = encodeMessage('lock', { path: '/tmp/x' });
    const hidden = Buffer.from(payload);
    hidden.writeUInt8(0, 6);
    expect(await answerTo(frame(type, hidden))).toEqual(refusal(EBADMSG));
    expect(await answerTo(frame(type, Buffer.concat([payload, Buffer.alloc(1)])))).toEqual(refusal(EBADMSG));
  });

  test('that was cut anywhere is refused', async () => {
    const { type, payload } = encodeMessage('launch', helper.launchValues(['true']));
    for (let length = 0; length < payload.length; length += 3) {
      expect(await answerTo(frame(type, payload.subarray(0, length)))).toEqual(refusal(EBADMSG));
    }
  });

  test('with any length or count blown up is refused', async () => {
    const { type, payload } = encodeMessage('launch', helper.launchValues(['true'], { kind: 9 }));
    for (let offset = 8; offset + 4 <= payload.length; offset += 1) {
      const bytes = Buffer.from(payload);
      bytes.writeUInt32LE(0xffff_fff0, offset);
      expect((await answerTo(frame(type, bytes))).phase).toBe(FAILURE_PHASE.request);
    }
  });

  test('that never ends costs only its worker', async () => {
    const connection = await helper.connect();
    await connection.sendBytes(frame(MESSAGES.run.code, Buffer.alloc(10), 1000));
    connection.close();
    await until('the worker is gone', () => !isAlive(connection.workerPid));
    await helper.connect();
  });
});

describe('the fork server', () => {
  test('leaves a second one on the same socket no place: it exits 0', () => {
    const second = spawnSync(HELPER_BINARY, ['fork-server', helper.socketPath, helper.logPath], { timeout: 5000 });
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
    helper.server?.kill('SIGKILL');
    await helper.start();
    await helper.connect();
    expect(Number((await running.connection.expect('exited')).waitStatus)).toBe(5 << 8);
  });

  test('ends by itself half a minute after the last connection', async () => {
    const server = helper.server;
    const begun = performance.now();
    await new Promise((resolve) => server?.once('exit', resolve));
    expect(performance.now() - begun).toBeGreaterThan(25_000);
    expect(server?.exitCode).toBe(0);
    expect(existsSync(helper.socketPath)).toBe(false);
  }, 45_000);
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
