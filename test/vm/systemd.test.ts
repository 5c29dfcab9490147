/** The cgroup driver `systemd`, in a guest that systemd has booted, with cgroup v2 or with v1. */
import { spawn } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { completeConfig, completeExecConfig } from '../../src/model/container-request.ts';
import type { Resources } from '../../src/model/resources.ts';
import { EngineHost } from '../kernel/support/engine-host.ts';
import { until } from '../kernel/support/helper-client.ts';
import { boundsOf, groupsLeft, groupsOf, IS_UNIFIED, scopesOf, unitProperties } from './support/systemd-view.ts';

const MIB = 1 << 20;
const LIMITS: Resources = { memoryLimitBytes: 64 * MIB, pidsLimit: 50, cpuMillis: 500 };
/** In the scope besides its container (docs/adr/0084). */
const BESIDE_BYTES = 16 * MIB;
/** Holds 40 MiB that the kernel cannot reclaim: dd fills its buffer at once, and nobody reads what it writes. */
const HOLDS_MEMORY = 'dd if=/dev/zero bs=41943040 count=1 | sleep 1000';
const SHOWN = ['ActiveState', 'Delegate', 'Slice', 'MemoryMax', 'TasksMax', 'CPUQuotaPerSecUSec'];

let host: EngineHost;
beforeEach(() => {
  host = new EngineHost('systemd');
});
afterEach(() => host.close());

const config = (name: string, script: string, resources: Resources = {}) =>
  completeConfig({ name, rootfs: { kind: 'none' }, command: ['/bin/sh', '-c', script], resources });

function scopeOf(uid: string): string {
  const [scope, ...others] = scopesOf(uid);
  expect(others).toEqual([]);
  return scope ?? 'no scope';
}

test('a container is in a delegated scope that has its bounds, and in groups of ours below it', async () => {
  const engine = await host.open();
  const { status } = await engine.launch(config('one', 'exec sleep 1000', LIMITS));
  const scope = scopeOf(status.uid);
  expect(unitProperties(scope, SHOWN)).toEqual({
    ...{ ActiveState: 'active', Delegate: 'yes', Slice: 'isopod.slice' },
    ...{ MemoryMax: `${64 * MIB + BESIDE_BYTES}`, TasksMax: '51', CPUQuotaPerSecUSec: '500ms' },
  });
  const pid = status.pid ?? 0;
  expect(boundsOf(pid)).toEqual({ memoryBytes: `${64 * MIB}`, processes: '50', cpuUs: '50000' });
  const managed = IS_UNIFIED ? [''] : ['', 'name=systemd', 'cpu,cpuacct', 'memory', 'pids', 'blkio', 'devices'];
  const outside = managed.filter((name) => !groupsOf(pid).get(name)?.startsWith(`/isopod.slice/${scope}`));
  expect(outside).toEqual([]);
});

test('a change of bounds reaches the group below and the scope, up and down, and a refused one neither', async () => {
  const engine = await host.open();
  const { status } = await engine.launch(config('one', 'exec sleep 1000', LIMITS));
  const [pid, scope] = [status.pid ?? 0, scopeOf(status.uid)];
  for (const [memoryMiB, pidsLimit, cpuMillis] of [
    [96, 80, 900],
    [48, 20, 200],
  ] as const) {
    await engine.update('one', { memoryLimitBytes: memoryMiB * MIB, pidsLimit, cpuMillis });
    const bounds = { memoryBytes: `${memoryMiB * MIB}`, processes: `${pidsLimit}`, cpuUs: `${cpuMillis * 100}` };
    expect(boundsOf(pid)).toEqual(bounds);
    expect(unitProperties(scope, ['MemoryMax', 'TasksMax', 'CPUQuotaPerSecUSec'])).toEqual({
      ...{ MemoryMax: `${memoryMiB * MIB + BESIDE_BYTES}`, TasksMax: `${pidsLimit + 1}` },
      CPUQuotaPerSecUSec: `${cpuMillis}ms`,
    });
  }
});

test('a change that the kernel refuses changes neither the group nor the scope', async () => {
  const engine = await host.open();
  const { status } = await engine.launch(config('one', HOLDS_MEMORY, LIMITS));
  const [pid, scope] = [status.pid ?? 0, scopeOf(status.uid)];
  const before = [boundsOf(pid), unitProperties(scope, SHOWN)];
  await until('it holds its memory', async () => ((await engine.usage('one')).memoryBytes ?? 0) > 39 * MIB);
  const refused = engine.update('one', { memoryLimitBytes: 16 * MIB, pidsLimit: 90, cpuMillis: 900 });
  await expect(refused).rejects.toMatchObject({ code: 'update.memoryInUse' });
  expect([boundsOf(pid), unitProperties(scope, SHOWN)]).toEqual(before);
});

test('a session is in the groups of its container', async () => {
  const engine = await host.open();
  const { status } = await engine.launch(config('one', 'exec sleep 1000', LIMITS));
  const { pid } = await engine.exec(completeExecConfig(status.uid, { command: ['/bin/sleep', '1000'] }));
  expect(groupsOf(pid)).toEqual(groupsOf(status.pid ?? 0));
});

test('the end of a container says why, and leaves neither unit nor group', async () => {
  const engine = await host.open();
  const limits = { memoryLimitBytes: 32 * MIB };
  const { status } = await engine.launch(config('one', 'exec tail /dev/zero', limits));
  const { limitations } = await engine.wait('one');
  expect(limitations.map(({ resource }) => resource)).toContain('memory');
  await engine.destroy('one');
  expect(scopesOf(status.uid)).toEqual([]);
  expect(groupsLeft(status.uid)).toEqual([]);
});

test('an engine that follows a killed one finds the container, changes it, and removes its scope', async () => {
  await host.launchAndKill({ one: 'exec sleep 1000', two: 'true' });
  const engine = await host.open();
  const [one, two] = await Promise.all(['one', 'two'].map((name) => engine.status(name)));
  await engine.wait('two');
  expect(one).toMatchObject({ state: 'running' });
  await engine.update('one', { memoryLimitBytes: 64 * MIB });
  expect(boundsOf(one?.pid ?? 0).memoryBytes).toBe(`${64 * MIB}`);
  expect(unitProperties(scopeOf(one?.uid ?? ''), ['MemoryMax'])).toEqual({ MemoryMax: `${64 * MIB + BESIDE_BYTES}` });
  for (const uid of [one?.uid ?? '', two?.uid ?? '']) {
    await engine.destroy(uid);
    expect([...scopesOf(uid), ...groupsLeft(uid)]).toEqual([]);
  }
});

test('a scope of ours that no record knows is ended by the next engine', async () => {
  const engine = await host.open();
  const { status } = await engine.launch(config('one', 'exec sleep 1000'));
  const unknown = 'ffffffffffff';
  const unit = scopeOf(status.uid).replace(status.uid, unknown);
  const orphan = spawn('systemd-run', ['--scope', '-q', `--unit=${unit}`, '--slice=isopod.slice', 'sleep', '1000']);
  const ended = new Promise((resolve) => orphan.once('exit', resolve));
  await until('the orphan is there', () => scopesOf(unknown).length === 1);
  await engine.close();
  await (await host.open()).status('one');
  await ended;
  await until('the scope is gone', () => scopesOf(unknown).length === 0);
});

test.skipIf(IS_UNIFIED)('a privileged container may use every device though its scope has a list', async () => {
  const engine = await host.open();
  const readsLog = 'exec 3</dev/kmsg && exec sleep 1000';
  const { status } = await engine.launch({ ...config('one', readsLog), security: { privileged: true } });
  const denied = await engine.launch(config('two', readsLog));
  expect((await engine.wait(denied.status.uid)).exitStatus).toMatchObject({ kind: 'exited' });
  expect(await engine.status(status.uid)).toMatchObject({ state: 'running' });
});
