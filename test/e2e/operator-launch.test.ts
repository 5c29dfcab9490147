import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { isAlive } from '../support/instance-view.ts';
import { IsopodHost } from '../support/isopod-host.ts';
import { until } from './support/installation.ts';
import { OperatorClient } from './support/operator-client.ts';

let host: IsopodHost;
let silentRegistry: Server;
beforeAll(async () => {
  host = await IsopodHost.make();
  process.env.ISOPOD_TEST_SECRET = 'of-the-agent';
  await host.startAgent();
  silentRegistry = createServer(() => {}); // takes requests and never answers
  await new Promise<void>((resolve) => silentRegistry.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  delete process.env.ISOPOD_TEST_SECRET;
  silentRegistry.closeAllConnections();
  silentRegistry.close();
  await host.close();
});
afterEach(() => host.removeAll());

const client = new OperatorClient(() => join(host.state, 'agent.sock'));
const SLEEP = 'exec sleep 1000';
const named = (value: string, parent?: string) => ({
  container_id: { value, ...(parent === undefined ? {} : { parent: { value: parent } }) },
});
const launch = (value: string, script: string, parent?: string) =>
  client.call('LAUNCH_CONTAINER', { ...named(value, parent), command: { value: script } });
const imageOf = (name: string) => ({ type: 'MESOS', mesos: { image: { type: 'DOCKER', docker: { name } } } });

interface OperationJson {
  readonly kind: string;
}
const operations = async (): Promise<readonly string[]> =>
  (await host.api.expect<readonly OperationJson[]>('GET', '/v1/debug/operations')).map(({ kind }) => kind);

test.each([
  ['a container', undefined],
  ['a nested one', 'web'],
])('%s whose client leaves while its image is pulled is given up, and its id is free', async (_, parent) => {
  if (parent !== undefined) await launch(parent, SLEEP);
  const before = (await host.list()).length;
  const image = `127.0.0.1:${(silentRegistry.address() as AddressInfo).port}/stuck`;
  const leaving = new AbortController();
  const fields = { ...named('late', parent), command: { value: 'true' }, container: imageOf(image) };
  const asked = fetchAndLeave({ type: 'LAUNCH_CONTAINER', launch_container: fields }, leaving.signal);
  await until('it is launched', async () => (await operations()).includes('launch'));
  leaving.abort();
  await asked;
  await until('nobody works for it', async () => (await operations()).length === 0);
  expect((await host.list()).length).toBe(before);
  expect((await launch('late', SLEEP, parent)).status).toBe(200);
});

test.each([
  ['a container', undefined],
  ['a nested one', 'web'],
])('%s whose registry is not reached is a launch that fails', async (_, parent) => {
  if (parent !== undefined) await launch(parent, SLEEP);
  const fields = { ...named('far', parent), command: { value: 'true' }, container: imageOf('127.0.0.1:1/far') };
  const { status, text } = await client.call('LAUNCH_CONTAINER', fields);
  expect([status, text]).toEqual([400, expect.stringContaining('127.0.0.1:1')]);
});

/** A request whose client does not wait for the answer. */
async function fetchAndLeave(body: object, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const sent = request({
      ...{ socketPath: join(host.state, 'agent.sock'), method: 'POST', path: '/api/v1', agent: false },
      headers: { 'content-type': 'application/json' },
    });
    sent.once('response', () => reject(new Error('it was answered')));
    sent.once('error', () => {});
    sent.once('close', () => resolve());
    signal.addEventListener('abort', () => sent.destroy());
    sent.end(JSON.stringify(body));
  });
}

test('an id may have 242 characters, and one more is refused', async () => {
  const longest = 'x'.repeat(242);
  expect((await launch(longest, SLEEP)).status).toBe(200);
  expect((await launch(longest, SLEEP)).status).toBe(202);
  expect((await client.call('KILL_CONTAINER', named(longest))).status).toBe(200);
  expect(await client.ask('WAIT_CONTAINER', named(longest))).toMatchObject({ exit_status: 9 });
  expect((await launch(`${longest}x`, SLEEP)).status).toBe(400);
});

test('variables of the agent, and of a parent, are of nobody else', async () => {
  await launch('web', SLEEP);
  for (const [value, parent] of [
    ['told', undefined],
    ['told', 'web'],
  ] as const) {
    const file = host.flag();
    expect((await launch(value, `env >${file}`, parent)).status).toBe(200);
    await client.ask('WAIT_CONTAINER', named(value, parent));
    expect(readFileSync(file, 'utf8')).toContain('PATH=');
    expect(readFileSync(file, 'utf8')).not.toContain('ISOPOD_TEST_SECRET');
  }
});

test('the end of one that hit its limit says which resource that was, and how much of it was used', async () => {
  const resources = [{ name: 'mem', type: 'SCALAR', scalar: { value: 16 } }];
  const command = { value: 'exec tail /dev/zero' };
  expect((await client.call('LAUNCH_CONTAINER', { ...named('eater'), command, resources })).status).toBe(200);
  const end = await client.ask('WAIT_CONTAINER', named('eater'));
  expect(end).toMatchObject({
    ...{ exit_status: 9, state: 'TASK_FAILED', reason: 'REASON_CONTAINER_LIMITATION_MEMORY' },
    ...{ limitation: { resources: [{ name: 'mem', type: 'SCALAR' }] }, message: expect.stringContaining('memory') },
  });
  expect(end.limitation.resources[0].scalar.value).toBeGreaterThan(8);
  expect(await client.ask('WAIT_CONTAINER', named('eater'))).toEqual(end);
});

/** One process stops itself, another is traced and stands in front of its tracer. */
const STANDING = `
import ctypes, os, signal, sys, time
libc = ctypes.CDLL(None, use_errno=True)
if os.fork() == 0:
    os.kill(os.getpid(), signal.SIGSTOP)
if os.fork() == 0:
    if libc.ptrace(0, 0, None, None) != 0: sys.exit(1)
    os.kill(os.getpid(), signal.SIGSTOP)
open(sys.argv[1], 'w').close()
time.sleep(1000)
`;

test.skipIf(!existsSync('/usr/bin/python3'))('processes that are stopped or traced die, too', async () => {
  const [ready, program] = [host.flag(), host.flag()];
  writeFileSync(program, STANDING);
  expect((await launch('web', `exec python3 ${program} ${ready}`)).status).toBe(200);
  const { uid } = (await host.list())[0] ?? { uid: '' };
  const states = () => host.view.processesOf(uid).map((pid) => /^State:\s+(\w)/m.exec(statusOf(pid))?.[1] ?? '');
  await until('both stand still', () => ['SSTt', 'SSTT'].includes(states().toSorted().join('')));
  const pids = host.view.processesOf(uid);
  expect(pids).toHaveLength(4); // with the reaper
  expect((await client.call('KILL_CONTAINER', named('web'))).status).toBe(200);
  expect(await client.ask('WAIT_CONTAINER', named('web'))).toMatchObject({ exit_status: 9 });
  await until('all are dead', () => !pids.some(isAlive));
});

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return ''; // it has ended
  }
}
