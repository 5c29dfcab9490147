import { expect, test } from 'vitest';
import type { Engine } from '../../src/engine/facade.ts';
import type { RestartPolicy } from '../../src/model/restart-policy.ts';
import { fakeImages } from './fake-host.ts';
import { WORLD } from './fake-kernel.ts';
import { config, type Life, World } from './world.ts';

const ALWAYS: RestartPolicy = { kind: 'always' };
const UNLESS_STOPPED: RestartPolicy = { kind: 'unless-stopped' };
const RUNS = { kind: 'runs' } as const;
const fails = (afterMs = 5) => ({ kind: 'exits', code: 3, afterMs }) as const;

async function open(seed: number): Promise<{ world: World; life: Life; engine: Engine }> {
  const world = new World(seed);
  const life = world.boot();
  return { world, life, engine: await world.until(life.engine) };
}

/** What happened to containers. */
async function kindsOf(world: World, engine: Engine): Promise<readonly string[]> {
  const kinds: string[] = [];
  const query = { sinceMs: 0, untilMs: world.scheduler.nowMs, subjects: ['container'] };
  for await (const { subject, kind } of engine.events(new AbortController().signal, query)) {
    if (subject === 'container') kinds.push(kind);
  }
  return kinds;
}

test('what always runs is started again, as the same container', async () => {
  const { world, engine } = await open(91);
  const { status } = await world.until(engine.launch(config(fails(), { name: 'one', restart: ALWAYS })));
  const upper = `${WORLD.rootDir}/containers/${status.uid}/upper/written`;
  world.kernel.disk.write(upper, 'kept');
  expect((await world.until(engine.wait('one'))).exitStatus).toEqual({ kind: 'exited', code: 3 });
  await world.quiesce(1_000);
  const again = await engine.status('one');
  expect(again).toMatchObject({ uid: status.uid, createdAtMs: status.createdAtMs, imageId: status.imageId });
  expect(again.restart.count).toBeGreaterThan(2);
  expect(world.kernel.disk.read(upper)).toBe('kept');
  expect((await kindsOf(world, engine)).slice(0, 7)).toEqual([
    ...['created', 'started', 'terminated', 'restarting', 'restarted', 'started', 'terminated'],
  ]);
});

test('restarts keep to their maximum, and then the end is the end', async () => {
  const { world, engine } = await open(92);
  await world.until(engine.launch(config(fails(), { name: 'one', restart: { kind: 'on-failure', maximum: 2 } })));
  await world.quiesce();
  const { state, restart, termination } = await engine.status('one');
  expect({ state, restart }).toMatchObject({ state: 'terminated', restart: { count: 2, nextAttemptAtMs: undefined } });
  expect(termination?.exitStatus).toEqual({ kind: 'exited', code: 3 });
  expect(engine.isIdle()).toBe(true);
});

test('a good end is no failure', async () => {
  const { world, engine } = await open(93);
  const restart = { kind: 'on-failure' } as const;
  await world.until(engine.launch(config({ kind: 'exits', code: 0, afterMs: 5 }, { name: 'one', restart })));
  await world.quiesce();
  expect((await engine.status('one')).restart.count).toBe(0);
});

test.each(['stop', 'kill'] as const)('what somebody has ended by %s is not started again', async (way) => {
  const { world, engine } = await open(94);
  await world.until(engine.launch(config(RUNS, { name: 'one', restart: ALWAYS })));
  if (way === 'stop') await world.until(engine.stop('one', 0));
  else await world.until(engine.kill('one', 15));
  await world.until(engine.wait('one'));
  await world.quiesce();
  expect((await engine.status('one')).restart).toMatchObject({ count: 0, isStopped: true, nextAttemptAtMs: undefined });
});

test('any other signal is nobody’s wish for an end', async () => {
  const { world, engine } = await open(95);
  await world.until(engine.launch(config(RUNS, { name: 'one', restart: ALWAYS })));
  await world.until(engine.kill('one', 1));
  await world.quiesce(1_000);
  expect(await engine.status('one')).toMatchObject({ state: 'running', restart: { count: 1 } });
});

test('one that waits to be started again is stopped by a stop, and removed only by force', async () => {
  const { world, engine } = await open(96);
  await world.until(engine.launch(config(fails(0), { name: 'one', restart: ALWAYS })));
  await world.quiesce(30_000);
  expect((await engine.status('one')).restart.nextAttemptAtMs).toEqual(expect.any(Number));
  expect(engine.isIdle()).toBe(false);
  await expect(world.until(engine.remove('one'))).rejects.toMatchObject({ code: 'engine.restarting' });
  await world.until(engine.stop('one', 0));
  expect((await engine.status('one')).restart.nextAttemptAtMs).toBe(undefined);
  await world.quiesce();
  expect(engine.isIdle()).toBe(true);
  await world.until(engine.remove('one'));
  expect(world.kernel.disk.below(`${WORLD.rootDir}/containers`)).toEqual([]);
});

test('one that is removed by force while it waits, or is started again, is gone', async () => {
  for (const steps of [0, 5, 10, 20, 40]) {
    const { world, engine } = await open(97);
    await world.until(engine.launch(config(fails(0), { name: 'one', restart: ALWAYS })));
    await world.until(engine.wait('one'));
    await world.quiesce(300);
    for (let step = 0; step < steps; step++) await world.scheduler.step();
    await world.until(engine.remove('one', { force: true }));
    await world.quiesce();
    expect(await engine.list()).toEqual([]);
    expect(world.kernel.processes.size).toBe(0);
    expect(world.kernel.disk.below(`${WORLD.rootDir}/containers`)).toEqual([]);
  }
});

test('a restart that was due while no engine was there happens with the next one', async () => {
  const { world, life, engine } = await open(98);
  await world.until(engine.launch(config(fails(50), { name: 'one', restart: UNLESS_STOPPED })));
  world.killEngine(life);
  await world.quiesce(5_000);
  const next = await world.until(world.boot().engine);
  await world.quiesce(60);
  expect((await next.status('one')).restart.count).toBeGreaterThan(0);
});

test('a stop is remembered by the next engine', async () => {
  const { world, life, engine } = await open(99);
  await world.until(engine.launch(config(RUNS, { name: 'one', restart: ALWAYS })));
  await world.until(engine.stop('one', 0));
  world.killEngine(life);
  const next = await world.until(world.boot().engine);
  await world.quiesce();
  expect(await next.status('one')).toMatchObject({ state: 'terminated', restart: { isStopped: true } });
});

test.each([
  ['runs', ALWAYS, false, 'running'],
  ['runs', UNLESS_STOPPED, false, 'running'],
  ['runs', { kind: 'on-failure' } as RestartPolicy, false, 'running'],
  ['was stopped', ALWAYS, true, 'running'],
  ['was stopped', UNLESS_STOPPED, true, 'terminated'],
] as const)('after the host was restarted: what %s and is $kind', async (_, restart, isStopped, state) => {
  const { world, life, engine } = await open(100);
  await world.until(engine.launch(config(RUNS, { name: 'one', restart })));
  if (isStopped) await world.until(engine.stop('one', 0));
  await world.quiesce(1_000);
  world.powerCut(life);
  const next = await world.until(world.boot().engine);
  await world.quiesce(5_000);
  expect((await next.status('one')).state).toBe(state);
});

test('a restart that fails is an end too, and is tried again later and later', async () => {
  const world = new World(101);
  const images = fakeImages();
  let isMissing = false;
  const find = async (text: string) => (isMissing ? undefined : images.find(text));
  const engine = await world.until(world.boot({ images: { ...images, find } }).engine);
  await world.until(engine.launch(config(RUNS, { name: 'one', restart: ALWAYS })));
  isMissing = true;
  await world.until(engine.kill('one', 1));
  await world.quiesce(1_000);
  expect((await engine.status('one')).termination).toMatchObject({ reason: 'launch-failed' });
  isMissing = false;
  await world.quiesce(60_000);
  expect((await engine.status('one')).state).toBe('running');
});

test('another policy holds for the ends to come, and for the next engine', async () => {
  const { world, life, engine } = await open(102);
  await world.until(engine.launch(config(RUNS, { name: 'one' })));
  const changed = await world.until(engine.update('one', {}, { restart: { kind: 'on-failure', maximum: 4 } }));
  expect(changed.restart.policy).toEqual({ kind: 'on-failure', maximum: 4 });
  world.killEngine(life);
  const next = await world.until(world.boot().engine);
  await world.until(next.kill('one', 1));
  await world.quiesce(1_000);
  expect(await next.status('one')).toMatchObject({ state: 'running', restart: { count: 1 } });
  await world.until(next.update('one', {}, { restart: { kind: 'no' } }));
  await world.until(next.kill('one', 1));
  await world.quiesce();
  expect((await next.status('one')).state).toBe('terminated');
});

test('a container that goes with its end cannot be given a policy', async () => {
  const { world, engine } = await open(103);
  await world.until(engine.launch(config(RUNS, { name: 'one', autoRemove: true })));
  const asked = world.until(engine.update('one', {}, { restart: ALWAYS }));
  await expect(asked).rejects.toMatchObject({ code: 'restart-policy.removedWithEnd' });
});
