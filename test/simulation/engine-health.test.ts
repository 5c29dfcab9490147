import { expect, test } from 'vitest';
import type { Engine } from '../../src/engine/facade.ts';
import type { HealthRequest } from '../../src/model/health.ts';
import { commandOf } from './workload.ts';
import { config, World } from './world.ts';

const RUNS = { kind: 'runs' } as const;
const GOOD = { command: commandOf({ kind: 'exits', code: 0, afterMs: 1 }) };
const BAD = { command: commandOf({ kind: 'exits', code: 1, afterMs: 1 }) };
const HANGS = { command: commandOf({ kind: 'stubborn' }) };
const OFTEN: HealthRequest = { intervalMs: 1_000, timeoutMs: 500, retries: 2 };

async function running(
  seed: number,
  health: HealthRequest,
  more: object = {},
): Promise<{ world: World; engine: Engine }> {
  const world = new World(seed);
  const engine = await world.until(world.boot().engine);
  await world.until(engine.launch(config(RUNS, { name: 'one', health: { ...OFTEN, ...health }, ...more })));
  return { world, engine };
}

/** Lets time pass; something is always about to happen to one that is checked. */
async function pass(world: World, ms: number): Promise<void> {
  await world.quiesce(ms);
}

test('a container is starting, then as its probes say', async () => {
  const { world, engine } = await running(111, { check: GOOD });
  expect((await engine.status('one')).health).toMatchObject({ status: 'starting', probes: [] });
  await pass(world, 2_500);
  const { health } = await engine.status('one');
  expect(health).toMatchObject({ status: 'healthy', failingStreak: 0 });
  expect(health?.probes[0]).toMatchObject({ ok: true, exitCode: 0 });
  await world.until(engine.destroy('one'));
});

test('a change is an event', async () => {
  const { world, engine } = await running(112, { check: BAD });
  await pass(world, 5_000);
  const told: (string | undefined)[] = [];
  const query = { sinceMs: 0, untilMs: world.scheduler.nowMs, kinds: ['health'] };
  for await (const event of engine.events(new AbortController().signal, query)) {
    if (event.subject === 'container') told.push(event.health);
  }
  expect(told).toEqual(['unhealthy']);
  expect((await engine.status('one')).state).toBe('running');
});

test('a check that hangs is killed, and has failed', async () => {
  const { world, engine } = await running(113, { check: HANGS });
  await pass(world, 5_000);
  const { health } = await engine.status('one');
  expect(health?.status).toBe('unhealthy');
  expect(health?.probes[0]?.output).toContain('took longer than 500 ms');
  expect([...world.kernel.processes.values()].filter(({ isInit }) => !isInit).length).toBeLessThan(2);
});

test('one that cannot be run has failed', async () => {
  const { world, engine } = await running(114, { check: { command: commandOf({ kind: 'missing' }) } });
  await pass(world, 5_000);
  expect((await engine.status('one')).health).toMatchObject({ status: 'unhealthy' });
});

test.each([
  ['kill', undefined, 'terminated', 0],
  ['kill', { kind: 'on-failure' }, 'running', 1],
  ['restart', undefined, 'running', 1],
  ['stop', { kind: 'always' }, 'terminated', 0],
] as const)('what is unhealthy and %s, with the policy %j, is %s then', async (onFailure, restart, state, count) => {
  const { world, engine } = await running(115, { check: BAD, onFailure }, restart === undefined ? {} : { restart });
  await pass(world, 3_000);
  const found = await engine.status('one');
  expect(found.state).toBe(state);
  expect(found.restart.count).toBeGreaterThanOrEqual(count);
  if (count === 0) expect(found.restart.count).toBe(0);
});

test('checks go on with the next engine, from how it was', async () => {
  const world = new World(116);
  const life = world.boot();
  const engine = await world.until(life.engine);
  await world.until(engine.launch(config(RUNS, { name: 'one', health: { ...OFTEN, check: BAD } })));
  await world.quiesce(5_000);
  world.killEngine(life);
  const next = await world.until(world.boot().engine);
  await world.quiesce(50);
  expect((await next.status('one')).health?.status).toBe('unhealthy');
  const before = (await next.status('one')).health?.failingStreak ?? 0;
  await world.quiesce(5_000);
  expect((await next.status('one')).health?.failingStreak).toBeGreaterThan(before);
});

test('nothing is asked of one that is paused', async () => {
  const { world, engine } = await running(117, { check: BAD });
  await world.until(engine.pause('one'));
  await pass(world, 10_000);
  expect((await engine.status('one')).health).toMatchObject({ status: 'starting', probes: [] });
});
