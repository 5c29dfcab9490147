/** Containers of a whole engine where cgroup v2 is the only version: limits, tracking, sessions, the end, recovery. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { findInstance } from '../../src/launcher/instance-groups.ts';
import { completeConfig, completeExecConfig } from '../../src/model/container-request.ts';
import type { Resources } from '../../src/model/resources.ts';
import { Installation, until } from '../e2e/support/installation.ts';
import { EngineHost } from '../kernel/support/engine-host.ts';
import { isAlive, pidsOf } from '../kernel/support/helper-client.ts';
import { AgentApi } from '../support/agent-api.ts';

const MIB = 1 << 20;
const UNIFIED = '/sys/fs/cgroup';
/** Waits for the end of a line that has none, and holds what has come so far. */
const HOG = 'exec tail /dev/zero';

let host: EngineHost;
beforeEach(() => {
  host = new EngineHost();
});
afterEach(() => host.close());

const config = (name: string, script: string, resources: Resources = {}) =>
  completeConfig({ name, rootfs: { kind: 'none' }, command: ['/bin/sh', '-c', script], resources });

/** The group of a container that has its limits; its processes are in `self` below. */
async function groupOf(uid: string): Promise<string> {
  return join(UNIFIED, await findInstance(nodeEffects(), host.root), 'containers', uid);
}

test('a container is in a group below its limits, and a session of it too', async () => {
  const engine = await host.open();
  const limits = { memoryLimitBytes: 64 * MIB, pidsLimit: 50, cpuMillis: 500 };
  const { status } = await engine.launch(config('one', 'exec sleep 1000', limits));
  const group = await groupOf(status.uid);
  const values = ['memory.max', 'memory.swap.max', 'pids.max', 'cpu.max', 'cgroup.procs'].map((file) =>
    existsSync(join(group, file)) ? readFileSync(join(group, file), 'utf8').trim() : 'absent',
  );
  expect([values[0], values[2], values[3], values[4]]).toEqual([String(64 * MIB), '50', '50000 100000', '']);
  expect(['0', 'absent']).toContain(values[1]);
  const session = await engine.exec(completeExecConfig(status.uid, { command: ['/bin/sleep', '1000'] }));
  expect(pidsOf(join(group, 'self')).sort()).toEqual([status.pid, session.pid].sort());
  const own = readFileSync(`/proc/${session.pid}/cgroup`, 'utf8').trim();
  expect(own).toBe(`0::${group.slice(UNIFIED.length)}/self`);
});

test('the end of one that ran out of memory names the limit', async () => {
  const engine = await host.open();
  await engine.launch(config('hog', HOG, { memoryLimitBytes: 16 * MIB }));
  const { reason, exitStatus, limitations } = await engine.wait('hog');
  expect({ reason, exitStatus }).toMatchObject({ reason: 'limitation', exitStatus: { kind: 'signaled', signal: 9 } });
  expect(limitations[0]?.message).toMatch(/^the memory limit of 16 MiB was hit: 1 process was killed/);
});

test('whatever it forks and hides in sessions of their own ends with it, and its groups go', async () => {
  const engine = await host.open();
  const script = 'for i in 1 2 3; do setsid sh -c "trap : TERM INT HUP; sleep 1000 & wait; sleep 1000" & done; wait';
  const { status } = await engine.launch(config('tree', script));
  const group = await groupOf(status.uid);
  await until('all of them run', () => pidsOf(join(group, 'self')).length >= 7);
  const pids = pidsOf(join(group, 'self'));
  await engine.destroy('tree');
  expect(pids.filter(isAlive)).toEqual([]);
  await until('its groups are gone', () => !existsSync(group));
});

test('the next engine finds what runs and what has ended, with its reason', async () => {
  const first = await host.open();
  const { status } = await first.launch(config('stays', 'exec sleep 1000', { pidsLimit: 20 }));
  const flag = join(host.directory, 'flag');
  const waits = `while [ ! -e ${flag} ]; do sleep 0.2; done; ${HOG}`;
  const ends = await first.launch(config('ends', waits, { memoryLimitBytes: 16 * MIB }));
  await first.close();
  writeFileSync(flag, '');
  await until('it has ended', () => !isAlive(ends.status.pid ?? 0));
  const engine = await host.open();
  expect(await engine.wait('ends')).toMatchObject({ reason: 'limitation' });
  expect(await engine.status('stays')).toMatchObject({ state: 'running', pid: status.pid });
});

test('by the command line: a container that needs more than its -m ends with 137 and is told why', async () => {
  const isopod = new Installation();
  isopod.start(['agent']);
  const socket = join(isopod.state, 'agent.sock');
  const api = new AgentApi(socket);
  try {
    // A command would wait for half a minute; Node alone may take that here, on a loaded machine.
    await until('the agent listens', () => existsSync(socket));
    await until('it has recovered', async () => (await api.call('GET', '/v1/containers')).status === 200);
    api.close();
    const words = ['run', '--name', 'hog', '-m', '16m', '--no-image', '/bin/sh', '-c', HOG];
    const { code, stderr } = await isopod.run(words);
    expect({ code, stderr }).toMatchObject({ code: 137, stderr: expect.stringContaining('memory limit of 16 MiB') });
    const [{ termination }] = JSON.parse(await isopod.expect(['inspect', 'hog']));
    expect(termination.reason).toBe('limitation');
  } finally {
    await isopod.close();
  }
});
