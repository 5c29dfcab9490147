import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Engine } from '../../src/engine/facade.ts';
import { EngineHost } from './support/engine-host.ts';
import { isAlive, until } from './support/helper-client.ts';
import { shellConfig } from './support/shell-config.ts';

const MIB = 1 << 20;
const WRITES = 'while :; do echo >> lines; done';
/** Holds 40 MiB that the kernel cannot reclaim: dd fills its buffer at once, and nobody reads what it writes. */
const HOLDS_MEMORY = 'dd if=/dev/zero bs=41943040 count=1 | sleep 1000';

let host: EngineHost;
let engine: Engine;
beforeEach(async () => {
  host = new EngineHost();
  engine = await host.open();
});
afterEach(() => host.close());

/** What the kernel holds for every knob of the plan, bytes to the page. */
async function checkKnobs(name: string): Promise<number> {
  let count = 0;
  for (const { path, knobs } of (await engine.plan(name)).cgroups) {
    for (const { file, value } of knobs) {
      const is = readFileSync(join(path, file), 'utf8').trim();
      expect([file, is === value || Math.abs(Number(is) - Number(value)) < 4096]).toEqual([file, true]);
      count += 1;
    }
  }
  return count;
}

async function groupOf(name: string, controller: string): Promise<{ path: string; version: 1 | 2 }> {
  const found = (await engine.plan(name)).cgroups.find(({ controllers }) => controllers.includes(controller));
  if (found === undefined) throw new Error(`no group for ${controller}`);
  return found;
}

async function boundOf(name: string, controller: string, files: readonly [v1: string, v2: string]): Promise<string> {
  const { path, version } = await groupOf(name, controller);
  return readFileSync(join(path, files[version - 1] ?? ''), 'utf8').trim();
}

const MEMORY = ['memory.limit_in_bytes', 'memory.max'] as const;
const MEMORY_USED = ['memory.usage_in_bytes', 'memory.current'] as const;

test('every limit goes up and down while the container runs, and is taken away', async () => {
  const resources = { memoryLimitBytes: 64 * MIB, cpuMillis: 500, pidsLimit: 50 };
  await engine.launch(shellConfig('one', 'exec sleep 1000', { resources }));
  const knobs = await checkKnobs('one');
  for (const limits of [
    { memoryLimitBytes: 128 * MIB, cpuMillis: 1000, pidsLimit: 100 },
    { memoryLimitBytes: 32 * MIB, cpuMillis: 100, pidsLimit: 10 },
  ]) {
    expect((await engine.update('one', limits)).config.resources).toEqual(limits);
    expect(await checkKnobs('one')).toBe(knobs);
    expect(await boundOf('one', 'memory', MEMORY)).toBe(String(limits.memoryLimitBytes));
    expect(await boundOf('one', 'pids', ['pids.max', 'pids.max'])).toBe(String(limits.pidsLimit));
  }
  await engine.update('one', { memoryLimitBytes: null, cpuMillis: null, pidsLimit: null });
  expect(await checkKnobs('one')).toBe(0);
  expect(await boundOf('one', 'memory', MEMORY)).toMatch(/^(max|9223372036854\d+)$/);
  expect(await boundOf('one', 'pids', ['pids.max', 'pids.max'])).toBe('max');
  expect(await boundOf('one', 'cpu', ['cpu.cfs_quota_us', 'cpu.max'])).toMatch(/^(-1|max 100000)$/);
});

test('limits that were none at the launch are set later, and outlast the engine', async () => {
  await engine.launch(shellConfig('one', 'exec sleep 1000'));
  await engine.update('one', { memoryLimitBytes: 64 * MIB, pidsLimit: 20 });
  await engine.close();
  engine = await host.open();
  expect((await engine.status('one')).config.resources).toEqual({ memoryLimitBytes: 64 * MIB, pidsLimit: 20 });
  expect(await checkKnobs('one')).toBeGreaterThan(1);
});

test('a memory limit below what is in use is refused with both values, kills nobody and changes nothing', async () => {
  const resources = { memoryLimitBytes: 96 * MIB, pidsLimit: 50 };
  await engine.launch(shellConfig('one', HOLDS_MEMORY, { resources }));
  const used = async (): Promise<number> => Number(await boundOf('one', 'memory', MEMORY_USED));
  await until('it holds its memory', async () => (await used()) > 39 * MIB);
  const refused = engine.update('one', { memoryLimitBytes: 16 * MIB, pidsLimit: 60 });
  await expect(refused).rejects.toMatchObject({ code: 'update.memoryInUse', details: { limitBytes: 16 * MIB } });
  expect((await engine.status('one')).config.resources).toEqual(resources);
  await checkKnobs('one');
  expect(await used()).toBeGreaterThan(39 * MIB);
  await engine.update('one', { memoryLimitBytes: 64 * MIB });
  await engine.update('one', { memoryLimitBytes: 128 * MIB });
  expect(await boundOf('one', 'memory', MEMORY)).toBe(String(128 * MIB));
  expect((await engine.status('one')).state).toBe('running');
});

test('a paused container stands still, also for the engine that follows, and takes an update', async () => {
  const { status } = await engine.launch(shellConfig('one', WRITES));
  const size = (): number => statSync(join(status.sandboxDir, 'lines'), { throwIfNoEntry: false })?.size ?? 0;
  await until('it writes', () => size() > 0);
  await engine.pause('one');
  const stoppedAt = size();
  await engine.close();
  engine = await host.open();
  expect((await engine.status('one')).state).toBe('paused');
  await engine.update('one', { pidsLimit: 30 });
  expect(size()).toBe(stoppedAt);
  await engine.unpause('one');
  await until('it writes again', () => size() > stoppedAt);
});

test('a paused container takes its stop signal when it is stopped, and ends at once when it is killed', async () => {
  const { status } = await engine.launch(
    shellConfig('one', `trap 'exit 5' TERM; : >ready; while :; do sleep 0.05; done`),
  );
  await engine.launch(shellConfig('two', 'exec sleep 1000'));
  // Before its trap, the first process of a namespace ignores the signal (kill(2), pid_namespaces(7)).
  await until('its trap is set', () => existsSync(join(status.sandboxDir, 'ready')));
  await engine.pause('one');
  await engine.pause('two');
  expect((await engine.stop('one', 60_000)).exitStatus).toEqual({ kind: 'exited', code: 5 });
  const { pid = 0 } = await engine.status('two');
  await engine.kill('two', 9);
  expect((await engine.wait('two')).exitStatus).toMatchObject({ kind: 'signaled', signal: 9 });
  await until('it is gone', () => !isAlive(pid));
});

test('usage of all containers is told at once, with limits, and in v2 with the pressure of their own groups', async () => {
  const resources = { memoryLimitBytes: 64 * MIB, pidsLimit: 50 };
  await engine.launch(shellConfig('one', 'exec sleep 1000', { resources }));
  await engine.launch(shellConfig('two', 'while :; do :; done'));
  await until('the processors are used', async () => ((await engine.usage('two')).cpuUsageNs ?? 0) > 1e6);
  await engine.launch(shellConfig('three', 'exit 0'));
  await engine.wait('three');
  const stats = await engine.stats();
  expect(stats.map(({ name, state, unreadable }) => [name, state, unreadable])).toEqual([
    ['one', 'running', []],
    ['two', 'running', []],
  ]);
  const [one, two] = stats;
  expect(one).toMatchObject({ limits: resources, usage: { memoryLimitBytes: 64 * MIB, pidsLimit: 50, pids: 1 } });
  expect(two?.usage.cpuUsageNs).toBeGreaterThan(1e6);
  const { tracking } = await engine.plan('one');
  const hasPressure = tracking.version === 2 && existsSync(join(tracking.path, 'cpu.pressure'));
  expect(Object.keys(two?.pressure ?? {})).toEqual(hasPressure ? ['cpu', 'memory', 'io'] : []);
  const ended = await engine.stats({ ids: ['three'] });
  expect(ended).toMatchObject([{ name: 'three', state: 'terminated', usage: {}, pressure: {} }]);
  expect((await engine.stats({ all: true })).length).toBe(3);
  await expect(engine.stats({ ids: ['four'] })).rejects.toMatchObject({ kind: 'not-found' });
});

test('a subscriber hears of the pressure of a container, and the end of it with the container', async () => {
  await engine.launch(shellConfig('one', 'while :; do :; done', { resources: { cpuMillis: 50 } }));
  const trigger = { resource: 'cpu', kind: 'some', stallUs: 50_000, windowUs: 2_000_000 } as const;
  const { tracking } = await engine.plan('one');
  const subscribed = engine.pressure('one', trigger, new AbortController().signal);
  if (tracking.version === 1 || !existsSync(join(tracking.path, 'cpu.pressure'))) {
    await expect(subscribed).rejects.toMatchObject({ code: 'launcher.noPressure' });
    return;
  }
  const seen: number[] = [];
  for await (const { times, pressure } of await subscribed) {
    seen.push(times);
    if (seen.length === 1) continue;
    if (seen.length === 2) expect(pressure?.some.totalUs).toBeGreaterThan(0);
    await engine.stop('one', 0);
  }
  expect(seen[0]).toBe(0);
  expect(seen.length).toBeGreaterThan(1);
  await expect(engine.pressure('one', trigger, new AbortController().signal)).rejects.toMatchObject({
    code: 'engine.notRunning',
  });
});
