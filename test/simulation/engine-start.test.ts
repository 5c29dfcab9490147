import { expect, test } from 'vitest';
import type { Engine } from '../../src/engine/facade.ts';
import { WAIT_CONDITIONS } from '../../src/engine/life-facade.ts';
import type { ContainerConfig } from '../../src/model/container-config.ts';
import { WORLD } from './fake-kernel.ts';
import { PORTS } from './fake-ports.ts';
import type { Behaviour } from './workload.ts';
import { config, type Life, World } from './world.ts';

const RUNS: Behaviour = { kind: 'runs' };
const code = (message: string) => expect.objectContaining({ code: message });

async function launched(
  seed: number,
  changes: Partial<ContainerConfig> = {},
  behaviour = RUNS,
): Promise<{ readonly world: World; readonly engine: Engine; readonly life: Life }> {
  const world = new World(seed);
  const life = world.boot();
  const engine = await world.until(life.engine);
  await world.until(engine.launch(config(behaviour, { name: 'one', ...changes })));
  return { world, engine, life };
}

async function kindsOf(world: World, engine: Engine): Promise<readonly string[]> {
  const kinds: string[] = [];
  const query = { sinceMs: 0, untilMs: world.scheduler.nowMs, subjects: ['container'] };
  for await (const event of engine.events(new AbortController().signal, query))
    if (event.subject === 'container') kinds.push(event.kind);
  return kinds;
}

test('one that has ended is started as the same container, and ends again', async () => {
  const { world, engine } = await launched(301);
  const { uid, startedAtMs, pid } = await engine.status('one');
  await world.until(engine.stop('one', 0));
  await world.quiesce(1_000);
  const { status, stream } = await world.until(engine.lives.start('one'));
  expect(status).toMatchObject({ uid, state: 'running', termination: undefined, restart: { count: 0 } });
  expect(stream).toBe(undefined);
  expect(status.pid).not.toBe(pid);
  expect(status.startedAtMs).toBeGreaterThan(startedAtMs ?? Number.POSITIVE_INFINITY);
  await world.until(engine.stop('one', 0));
  expect((await engine.status('one')).state).toBe('terminated');
  await world.quiesce(100_000);
  expect(await kindsOf(world, engine)).toEqual(['created', 'started', 'terminated', 'started', 'terminated']);
  await world.until(engine.remove('one'));
});

test('one that runs is left as it is, and one that is paused is refused', async () => {
  const { world, engine } = await launched(302);
  const { pid } = await engine.status('one');
  expect((await world.until(engine.lives.start('one'))).status.pid).toBe(pid);
  await world.until(engine.pause('one'));
  await expect(world.until(engine.lives.start('one'))).rejects.toThrowError(code('engine.notEnded'));
});

test('a caller may own the streams of the next life', async () => {
  const { world, engine } = await launched(303);
  await world.until(engine.stop('one', 0));
  const { stream, status } = await world.until(engine.lives.start('one', { owned: true }));
  expect(stream?.socketPath).toContain(status.uid);
  expect(stream?.ticket).toMatch(/^[0-9a-f]{32,}$/);
});

test('two starts at once are one', async () => {
  const { world, engine } = await launched(304);
  await world.until(engine.stop('one', 0));
  const both = await world.until(Promise.all([engine.lives.start('one'), engine.lives.start('one')]));
  expect(new Set(both.map(({ status }) => status.pid)).size).toBe(1);
  expect(world.kernel.processes.size).toBe(1);
});

test('a restart stops and starts, and a policy goes on from there', async () => {
  const { world, engine } = await launched(305, { restart: { kind: 'always' } });
  const before = await engine.status('one');
  const { status } = await world.until(engine.lives.restart('one', 0));
  expect(status).toMatchObject({ uid: before.uid, state: 'running', restart: { count: 0, isStopped: false } });
  expect(status.pid).not.toBe(before.pid);
  await world.quiesce(100);
  await world.until(engine.kill('one', 1));
  await world.quiesce(5_000);
  expect(await engine.status('one')).toMatchObject({ state: 'running', restart: { count: 1 } });
});

test('a restart of one that has ended is a start', async () => {
  const { world, engine } = await launched(306, {}, { kind: 'exits', code: 3, afterMs: 20 });
  await world.until(engine.wait('one'));
  expect((await world.until(engine.lives.restart('one', 0))).status.state).toBe('running');
  expect((await world.until(engine.wait('one'))).exitStatus).toEqual({ kind: 'exited', code: 3 });
});

test('a stop calls a start off that has not come about', async () => {
  const { world, engine } = await launched(307);
  await world.until(engine.stop('one', 0));
  const starting = engine.lives.start('one');
  starting.catch(() => {});
  await Promise.resolve();
  await Promise.resolve();
  await world.until(engine.destroy('one'));
  await expect(world.until(starting)).rejects.toThrowError();
  await world.quiesce(100_000);
  expect(world.kernel.processes.size).toBe(0);
  expect(await engine.list()).toEqual([]);
});

test('one that goes with its end has no other life in it, so it is not stopped for one', async () => {
  const { world, engine } = await launched(308, { autoRemove: true });
  await expect(world.until(engine.lives.restart('one', 0))).rejects.toThrowError(code('engine.notStartable'));
  expect((await engine.status('one')).state).toBe('running');
});

test('one that lives in another is refused', async () => {
  const { world, engine } = await launched(309);
  await world.until(engine.launch(config(RUNS, { name: 'two', parent: 'one' })));
  await world.until(engine.stop('one/two', 0));
  await expect(world.until(engine.lives.start('one/two'))).rejects.toThrowError(code('engine.notStartable'));
});

test('a start of a policy that an engine was killed over is carried out by the next one', async () => {
  const { world, engine, life } = await launched(310, { restart: { kind: 'unless-stopped' } });
  await world.until(engine.stop('one', 0));
  await world.quiesce(1_000);
  void engine.lives.start('one').catch(() => {});
  const { uid } = await engine.status('one');
  const isRecorded = (): boolean =>
    world.kernel.disk.read(`${WORLD.rootDir}/containers/${uid}/restart.json`).includes('isAsked');
  while (!isRecorded()) await world.scheduler.step();
  world.killEngine(life);
  const next = await world.until(world.boot().engine);
  await world.quiesce(10_000);
  expect((await next.status('one')).restart.isStopped).toBe(false);
  expect((await next.status('one')).state).toBe('running');
});

test('a start that is carried out is none for the end that follows, whatever the records say', async () => {
  const { world, engine, life } = await launched(
    311,
    { restart: { kind: 'on-failure' } },
    { kind: 'exits', code: 0, afterMs: 20 },
  );
  await world.until(engine.wait('one'));
  await world.quiesce(1_000);
  await world.until(engine.lives.start('one'));
  await world.until(engine.wait('one'));
  await world.quiesce(1_000);
  world.killEngine(life);
  const next = await world.until(world.boot().engine);
  await world.quiesce(10_000);
  expect((await next.status('one')).state).toBe('terminated');
});

test('whoever waits for a container to be ready, healthy or running is told when it is', async () => {
  const asked = { intervalMs: 1_000, check: { http: { port: PORTS.well } } };
  const { world, engine } = await launched(312, { health: asked, readiness: asked });
  for (const condition of WAIT_CONDITIONS) await world.until(engine.lives.waitFor('one', condition));
  const { health, readiness } = await engine.status('one');
  expect([health?.status, readiness?.isReady]).toEqual(['healthy', true]);
});

test('one that nobody asks is ready as soon as it runs, and never healthy', async () => {
  const { world, engine } = await launched(313);
  await world.until(engine.lives.waitFor('one', 'ready'));
  await expect(engine.lives.waitFor('one', 'healthy')).rejects.toThrowError(code('engine.noCheck'));
});

test('an end for good fails who waits, one that a policy follows does not', async () => {
  const { world, engine } = await launched(314);
  const { world: other, engine: patient } = await launched(315, { restart: { kind: 'always' } });
  await world.until(engine.stop('one', 0));
  await expect(world.until(engine.lives.waitFor('one', 'running'))).rejects.toThrowError(code('engine.endedBefore'));
  await other.until(patient.kill('one', 1));
  await other.until(patient.wait('one'));
  await other.until(patient.lives.waitFor('one', 'running'));
  expect((await patient.status('one')).restart.count).toBe(1);
});

test('a removal fails who waits', async () => {
  const { world, engine } = await launched(316, { health: { check: { tcp: { port: 7 } } } });
  const waiting = engine.lives.waitFor('one', 'healthy');
  waiting.catch(() => {});
  await world.until(engine.destroy('one'));
  await expect(world.until(waiting)).rejects.toThrowError();
});
