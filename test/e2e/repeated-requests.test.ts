import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Answer } from '../support/agent-api.ts';
import { IsopodHost } from '../support/isopod-host.ts';
import { until } from './support/installation.ts';

const SIGUSR1 = 10;

let isopod: IsopodHost;
let key: string;
beforeEach(() => {
  key = randomUUID();
});
beforeAll(async () => {
  isopod = await IsopodHost.make();
  await isopod.agentPid();
});
afterAll(() => isopod.close());
afterEach(async () => {
  await isopod.agentPid();
  await isopod.removeAll();
});

const ask = (path: string, body: unknown, named = key): Promise<Answer> =>
  isopod.api.callRecovered('POST', `/v1/containers/${path}`, body, { key: named });
/** Ends the agent by kill -9, and starts another. */
async function followedByAnother(): Promise<void> {
  await isopod.killAgent();
  await isopod.agentPid();
}
const logged = (name: string, line: string) =>
  isopod.loggedLines(name).then((lines) => lines.filter((one) => one === line).length);
async function untilLogged(name: string, line: string, times: number): Promise<void> {
  await expect.poll(() => logged(name, line), { timeout: 20_000 }).toBeGreaterThanOrEqual(times);
}

/** What is written down and was not answered. */
function begunRequests(): readonly string[] {
  const directory = join(isopod.state, 'requests');
  const names = existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.json')) : [];
  return names.map((name) => readFileSync(join(directory, name), 'utf8')).filter((text) => !text.includes('"answer"'));
}

/** Says that it lives, and counts the signals that it gets. */
const LISTENER = 'trap "echo signal" USR1; trap "exit 0" TERM; echo life; while :; do sleep 0.05; done';

test('a restart that was answered before the agent was killed is not done again for its key', async () => {
  await isopod.launchScript('web', LISTENER);
  await untilLogged('web', 'life', 1);
  const first = await ask('web/restart', { graceMs: 5_000 });
  await untilLogged('web', 'life', 2);
  const { pid } = await isopod.inspect('web');
  await followedByAnother();
  expect(await ask('web/restart', { graceMs: 5_000 })).toEqual(first);
  expect((await isopod.inspect('web')).pid).toBe(pid);
  await ask('web/restart', { graceMs: 5_000 }, randomUUID());
  await untilLogged('web', 'life', 3);
  expect(await logged('web', 'life')).toBe(3);
});

test.each([
  ['without a policy', {}],
  ['with one', { restart: { kind: 'always' } }],
])('a restart that an agent is killed over is one more life of a container %s, whoever begins it', async (_, more) => {
  const [asked, end] = [isopod.flag(), isopod.flag()];
  const ends = `trap ': > ${asked}; while [ ! -e ${end} ]; do sleep 0.02; done; exit 0' TERM`;
  await isopod.launchScript('slow', `echo life; [ -e ${end} ] || ${ends}; while :; do sleep 0.05; done`, more);
  await untilLogged('slow', 'life', 1);
  const body = { graceMs: 30_000 };
  const cut = ask('slow/restart', body).catch(() => 'cut');
  await until('it is being stopped', () => existsSync(asked));
  await isopod.killAgent();
  expect(await cut).toBe('cut');
  writeFileSync(end, ''); // it ends while no agent is there
  await isopod.agentPid();
  const [one, other] = [await ask('slow/restart', body), await ask('slow/restart', body)];
  expect([one.status, other.status]).toEqual([200, 200]);
  await untilLogged('slow', 'life', 2);
  expect(await isopod.inspect('slow')).toMatchObject({ state: 'running' });
  expect(await logged('slow', 'life')).toBe(2);
});

test('a signal is not sent twice, though the agent that sent it was killed after its answer', async () => {
  await isopod.launchScript('listener', LISTENER);
  await untilLogged('listener', 'life', 1);
  const body = { signal: SIGUSR1 };
  expect(await ask('listener/kill', body)).toEqual({ status: 200, body: {} });
  await untilLogged('listener', 'signal', 1);
  await followedByAnother();
  expect(await ask('listener/kill', body)).toEqual({ status: 200, body: {} });
  expect(await ask('listener/kill', body, randomUUID())).toEqual({ status: 200, body: {} });
  await untilLogged('listener', 'signal', 2);
  expect(await logged('listener', 'signal')).toBe(2);
});

test('a signal that an agent is killed over is not sent again, and nobody is told that it was', async () => {
  const uid = await isopod.launchScript('listener', LISTENER);
  await untilLogged('listener', 'life', 1);
  const monitor = isopod.view.monitorOf(uid) ?? 0;
  process.kill(monitor, 'SIGSTOP');
  const body = { signal: SIGUSR1 };
  const cut = ask('listener/kill', body).catch(() => 'cut');
  await until('it is written down', () => begunRequests().some((text) => text.includes('listener/kill')));
  await isopod.killAgent();
  process.kill(monitor, 'SIGCONT');
  expect(await cut).toBe('cut');
  await isopod.agentPid();
  for (const _ of [1, 2]) {
    expect(await ask('listener/kill', body)).toMatchObject({
      status: 412,
      body: { code: 'agent.signalUncertain', details: { id: uid, signal: SIGUSR1 } },
    });
  }
  const before = await logged('listener', 'signal');
  await ask('listener/kill', body, randomUUID());
  await untilLogged('listener', 'signal', before + 1);
  expect(await logged('listener', 'signal')).toBe(before + 1);
  expect(before).toBeLessThanOrEqual(1);
});

test('an update that removes a device is no error when it comes to the next agent', async () => {
  await isopod.launch({
    ...{ name: 'box', command: ['/bin/sleep', '1000'] },
    rootfs: { kind: 'image', reference: isopod.busyboxImage() },
    devices: [{ hostPath: '/dev/zero', containerPath: '/dev/deep/zero', access: 'r' }],
  });
  const body = { devices: { remove: ['/dev/deep/zero'] } };
  const first = await ask('box/update', body);
  expect(first.status).toBe(200);
  await followedByAnother();
  expect(await ask('box/update', body)).toEqual(first);
  expect(await ask('box/update', body, randomUUID())).toMatchObject({ status: 400 });
});

test('a removal that comes to the next agent leaves another container of that name alone', async () => {
  await isopod.launchScript('web', 'exec sleep 1000');
  const remove = () => isopod.api.callRecovered('DELETE', '/v1/containers/web?force=true', undefined, { key });
  expect(await remove()).toEqual({ status: 200, body: {} });
  const uid = await isopod.launchScript('web', 'exec sleep 1000');
  await followedByAnother();
  expect(await remove()).toEqual({ status: 200, body: {} });
  expect(await isopod.inspect('web')).toMatchObject({ uid, state: 'running' });
});
