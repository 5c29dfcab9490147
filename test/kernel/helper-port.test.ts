import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { constants } from 'node:os';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type TestConnection, TestHelper, until } from './support/helper-client.ts';

let helper: TestHelper;
let worker: TestConnection;
const processes: ChildProcess[] = [];
const servers: Server[] = [];
const sockets = new Set<Socket>();

beforeEach(async () => {
  helper = new TestHelper();
  await helper.start();
  worker = await helper.connect();
});
afterEach(async () => {
  for (const process of processes.splice(0)) process.kill('SIGKILL');
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  for (const server of servers.splice(0)) server.close();
  await helper.stop();
});

/** Listens at a port of ours. @returns which one */
async function listen(serve: (socket: Socket) => void, host = '127.0.0.1'): Promise<number> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

const startTimeOf = (pid: number): number =>
  Number(
    readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[19],
  );

interface Try {
  readonly id?: number;
  readonly pid?: number;
  readonly startTime?: number;
  readonly address?: string;
  readonly port: number;
  readonly timeoutMs?: number;
  readonly request?: string;
  readonly until?: string;
  readonly settleMs?: number;
  readonly maxBytes?: number;
}

const send = ({ pid = process.pid, request = '', until: end = '', ...more }: Try): Promise<void> =>
  worker.send('tryPort', {
    ...{
      id: 1,
      pid,
      startTime: startTimeOf(pid),
      address: '127.0.0.1',
      timeoutMs: 30_000,
      settleMs: 0,
      maxBytes: 4096,
      ...more,
    },
    ...{ request: Buffer.from(request), until: Buffer.from(end) },
  });

async function tryPort(wanted: Try): Promise<{ readonly errno: string; readonly answer: string }> {
  await send(wanted);
  const { errno, answer } = await worker.expect('portTried');
  const [name = ''] = Object.entries(constants.errno).find(([, number]) => number === Number(errno)) ?? [];
  return { errno: name, answer: Buffer.from(answer).toString() };
}

test('a connection that stands is all that is asked without a request', async () => {
  expect(await tryPort({ port: await listen(() => {}) })).toEqual({ errno: '', answer: '' });
});

test('what is answered is read to its end, to its bound, or to what was waited for', async () => {
  const port = await listen((socket) => socket.on('data', (data) => socket.end(`got ${data}\r\n\r\nand more`)));
  expect(await tryPort({ port, request: 'this' })).toEqual({ errno: '', answer: 'got this\r\n\r\nand more' });
  expect(await tryPort({ port, request: 'this', maxBytes: 5 })).toEqual({ errno: '', answer: 'got t' });
  const slow = await listen((socket) =>
    socket.on('data', () => socket.write('head\r\n\r\n', () => setTimeout(() => socket.end('body'), 20))),
  );
  const settled = { port: slow, request: 'x', until: '\r\n\r\n', settleMs: 30_000 };
  expect(await tryPort(settled)).toEqual({ errno: '', answer: 'head\r\n\r\nbody' });
  const open = await listen((socket) => socket.on('data', () => socket.write('head\r\n\r\n')));
  expect(await tryPort({ port: open, request: 'x', until: '\r\n\r\n' })).toEqual({ errno: '', answer: 'head\r\n\r\n' });
});

test('one that hangs is given up in its time, with what it said', async () => {
  const port = await listen((socket) => socket.write('half'));
  expect(await tryPort({ port, request: 'x', timeoutMs: 300 })).toEqual({ errno: 'ETIMEDOUT', answer: 'half' });
});

test('nobody at a port, a process that is gone and an address that is none are told apart', async () => {
  const port = await listen(() => {});
  servers.pop()?.close();
  await until('nobody listens', async () => (await tryPort({ port })).errno === 'ECONNREFUSED');
  expect((await tryPort({ port, startTime: 1 })).errno).toBe('ESRCH');
  expect((await tryPort({ port, address: 'localhost' })).errno).toBe('EINVAL');
  expect((await tryPort({ port: 0 })).errno).toBe('EINVAL');
  expect((await tryPort({ port, maxBytes: 1 << 17 })).errno).toBe('EINVAL');
});

test('the port is that of the network namespace of the process, and the next one is that of the next', async () => {
  const port = await listen(() => {});
  const apart = spawn('unshare', ['-n', 'sleep', '1000'], { stdio: 'ignore' });
  processes.push(apart);
  const pid = apart.pid ?? 0;
  await until('it has unshared', async () => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n');
  // Its loopback interface is down.
  expect((await tryPort({ port, pid })).errno).toBe('ENETUNREACH');
  expect((await tryPort({ port })).errno).toBe('');
  expect((await tryPort({ port, pid, address: '::1' })).errno).not.toBe('');
});

test('many are tried at once, and one too many is told', async () => {
  const port = await listen(() => {});
  for (let id = 1; id <= 257; id += 1) await send({ id, port, request: 'x', timeoutMs: 60_000 });
  const first = await worker.expect('portTried');
  expect(first).toMatchObject({ id: 257, errno: constants.errno.ENOSPC });
  for (const socket of sockets) socket.destroy();
  await until('all have been accepted', async () => {
    for (const socket of sockets) socket.destroy();
    return sockets.size === 256;
  });
  const ids = new Set<number>();
  while (ids.size < 256) ids.add(Number((await worker.expect('portTried')).id));
  expect(ids.size).toBe(256);
});

test('who tries ports has no rights but the way into namespaces', async () => {
  const port = await listen(() => {});
  await tryPort({ port });
  const status = readFileSync(`/proc/${worker.hello?.pid}/status`, 'utf8');
  const effective = BigInt(`0x${/CapEff:\s+([0-9a-f]+)/.exec(status)?.[1]}`);
  const [admin, trace] = [1n << 21n, 1n << 19n];
  expect(effective & ~(admin | trace)).toBe(0n);
  expect(status).toMatch(/NoNewPrivs:\s+1/);
});
