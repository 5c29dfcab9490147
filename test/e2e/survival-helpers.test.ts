import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { isAlive } from '../support/instance-view.ts';
import { expectNumbered, IsopodHost, WRITER } from '../support/isopod-host.ts';
import { until } from './support/installation.ts';

/** As long as a disk may hold up a monitor that writes a log. */
const SLOW_MS = 7_000;

let isopod: IsopodHost;

beforeAll(async () => {
  isopod = await IsopodHost.make();
});
afterAll(() => isopod.close());
afterEach(async () => {
  await isopod.agentPid();
  await isopod.removeAll();
  await until('nothing is left of any container', () => isopod.containerRemains().length === 0);
});

describe('when the fork server is killed', () => {
  test('launches go on to work and nothing is lost', async () => {
    const end = isopod.flag();
    const before = await isopod.runDetached('before', `set -- ${end}; ${WRITER}exit 5`);
    const agent = isopod.livingAgent();
    const first = isopod.forkServer();
    await isopod.killForkServer();
    const during = await Promise.all(
      [1, 2, 3].map((number) => isopod.launch({ name: `during-${number}`, command: ['/bin/sleep', '100'] })),
    );
    expect(isopod.forkServer()).not.toBe(first);
    expect(isopod.livingAgent()).toBe(agent);
    expect(await isopod.expect(['exec', 'before', '/bin/echo', 'hi'])).toBe('hi');
    writeFileSync(end, '');
    expect(await isopod.wait(before)).toMatchObject({ exitStatus: { kind: 'exited', code: 5 } });
    expectNumbered(await isopod.loggedLines('before'), 1);
    expect((await isopod.list()).filter(({ state }) => state === 'running')).toHaveLength(during.length);
  });

  test('at any moment of a launch, the launch succeeds all the same', async () => {
    await isopod.agentPid();
    await isopod.launch({ command: ['/bin/true'] });
    for (let delayMs = 0; delayMs < 16; delayMs += 1) {
      const launching = isopod.launch({ name: `during-${delayMs}`, command: ['/bin/sleep', '100'] });
      launching.catch(() => {}); // awaited below
      await new Promise((resolve) => setTimeout(resolve, delayMs / 2));
      await isopod.killForkServer();
      const { status } = await launching;
      expect(isopod.view.processesOf(status.uid)).toEqual([status.pid]);
      await isopod.api.expect('DELETE', `/v1/containers/${status.uid}?force=true`);
    }
  });

  test('a second agent is still refused', async () => {
    const holder = await isopod.agentPid();
    await isopod.launch({ command: ['/bin/true'] });
    await isopod.killForkServer();
    await isopod.launch({ command: ['/bin/true'] });
    const { code, stderr } = await isopod.run(['agent']);
    expect(code).toBe(125);
    expect(stderr).toContain(`in use by process ${holder}`);
  });

  test('together with the agent, containers go on and the next agent finds them', async () => {
    const end = isopod.flag();
    const uid = await isopod.runDetached('orphan', `set -- ${end}; ${WRITER}exit 6`);
    await isopod.killForkServer();
    await isopod.killAgent();
    expect(await isopod.expect(['ps', '-q'])).toBe(uid);
    writeFileSync(end, '');
    expect(await isopod.wait(uid)).toMatchObject({ exitStatus: { kind: 'exited', code: 6 } });
    expectNumbered(await isopod.loggedLines('orphan'), 1);
  });
});

test('a fork server that hangs is killed by the next agent, and containers go on', async () => {
  const uid = await isopod.launchScript('stays', 'exec sleep 1000');
  const hung = isopod.forkServer() ?? 0;
  process.kill(hung, 'SIGSTOP');
  await isopod.killAgent();
  await isopod.agentPid();
  expect(isAlive(hung)).toBe(false);
  expect(isopod.forkServer()).not.toBe(hung);
  expect(await isopod.inspect(uid)).toMatchObject({ state: 'running' });
  expect(await isopod.expect(['exec', 'stays', '/bin/echo', 'hi'])).toBe('hi');
  const log = (): string => readFileSync(join(isopod.state, 'agent.log'), 'utf8');
  await until('the log tells', () => log().includes('a fork server that does not answer is killed'));
}, 180_000);

test('an agent that ends when there is no fork server leaves no groups either', async () => {
  const pid = await isopod.agentPid();
  await isopod.removeAll();
  await isopod.launch({ command: ['/bin/true'], autoRemove: true });
  await until('nothing is left of any container', () => isopod.containerRemains().length === 0);
  await isopod.killForkServer();
  isopod.api.close();
  process.kill(pid, 'SIGTERM');
  await until('all processes have ended', () => isopod.view.processes().length === 0);
  await until('all groups are gone', () => isopod.view.groups().length === 0);
});

test('a monitor that is only slow to answer does not cost its container its life when the agent is followed by another', async () => {
  const uid = await isopod.runDetached('slow', 'exec sleep 100');
  const monitor = isopod.view.monitorOf(uid) ?? 0;
  process.kill(monitor, 'SIGSTOP');
  await isopod.killAgent();
  const found = isopod.inspect(uid);
  setTimeout(() => process.kill(monitor, 'SIGCONT'), SLOW_MS);
  expect(await found).toMatchObject({ state: 'running' });
  expect(await isopod.expect(['exec', 'slow', '/bin/echo', 'hi'])).toBe('hi');
});

describe('when a monitor is killed', () => {
  const LOST = { state: 'terminated', termination: { reason: 'lost', exitStatus: { kind: 'lost' } } };

  /** A container of three processes, one of them in a session of its own and deaf to signals. */
  async function crowd(): Promise<string> {
    const uid = await isopod.runDetached('crowd', 'trap "" TERM HUP; setsid sleep 100 & sleep 100 & wait');
    await until('all its processes run', () => isopod.view.processesOf(uid).length === 3);
    return uid;
  }

  test('the fork server kills the container, and it is recorded as lost', async () => {
    const uid = await crowd();
    const waiting = isopod.wait(uid);
    await isopod.killMonitor(uid);
    expect(await waiting).toMatchObject(LOST.termination);
    expect(isopod.view.processesOf(uid)).toEqual([]);
    expect(await isopod.inspect(uid)).toMatchObject(LOST);
  });

  test('without an agent the fork server does it alone, and the next agent reads it', async () => {
    const uid = await crowd();
    await isopod.killAgent();
    await isopod.killMonitor(uid);
    await until('its processes are dead', () => isopod.view.processesOf(uid).length === 0);
    const status = join(isopod.state, 'c', uid, 'status');
    await until('the end is recorded', () => existsSync(status));
    expect(readFileSync(status, 'utf8')).toMatch(/^lost 0 \d+ 0\n$/);
    expect(isopod.livingAgent()).toBeUndefined();
    expect(await isopod.inspect(uid)).toMatchObject(LOST);
  });

  test('without a fork server the agent does it', async () => {
    const uid = await crowd();
    const waiting = isopod.wait(uid);
    await isopod.killForkServer();
    await isopod.killMonitor(uid);
    expect(await waiting).toMatchObject(LOST.termination);
    expect(isopod.view.processesOf(uid)).toEqual([]);
    expect(await isopod.inspect(uid)).toMatchObject(LOST);
  });

  test('without either the next agent does it', async () => {
    const uid = await crowd();
    await isopod.killForkServer();
    await isopod.killAgent();
    await isopod.killMonitor(uid);
    expect(isopod.view.processesOf(uid).length).toBeGreaterThan(0);
    expect(await isopod.inspect(uid)).toMatchObject(LOST);
    expect(isopod.view.processesOf(uid)).toEqual([]);
  });

  test('of a session, its process is killed and the container goes on', async () => {
    const uid = await isopod.runDetached('target', 'exec sleep 100');
    const exec = { command: ['/bin/sleep', '100'] };
    const { id, pid } = await isopod.api.expect<{ readonly id: string; readonly pid: number }>(
      'POST',
      `/v1/containers/${uid}/exec`,
      exec,
    );
    await isopod.killMonitor(id);
    expect(await isopod.api.expect('GET', `/v1/sessions/${id}/wait`)).toMatchObject({
      termination: { reason: 'lost' },
    });
    await until('its process is dead', () => !isAlive(pid));
    expect(await isopod.inspect(uid)).toMatchObject({ state: 'running' });
    expect(await isopod.expect(['exec', 'target', '/bin/echo', 'hi'])).toBe('hi');
  });

  test('a removed-with-its-end container leaves nothing', async () => {
    const uid = await isopod.runDetached('fleeting', 'exec sleep 100', ['--rm']);
    await isopod.killMonitor(uid);
    await until('nothing is left of it', () => isopod.containerRemains().length === 0);
    expect(await isopod.list()).toEqual([]);
  });
});
