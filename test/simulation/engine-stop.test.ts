import { expect, test } from 'vitest';
import type { ContainerConfig } from '../../src/model/container-config.ts';
import { config, World } from './world.ts';

const RUNS = { kind: 'runs' } as const;
const STUBBORN = { kind: 'stubborn' } as const;
const SIGINT = 2;

async function running(seed: number, behaviour: typeof RUNS | typeof STUBBORN, asked: Partial<ContainerConfig>) {
  const world = new World(seed);
  const engine = await world.until(world.boot().engine);
  await world.until(engine.launch(config(behaviour, { name: 'one', ...asked })));
  return { world, engine };
}

test('a stop sends the signal that the container was made with', async () => {
  const { world, engine } = await running(171, RUNS, { stopSignal: SIGINT });
  expect(await world.until(engine.stop('one'))).toMatchObject({ exitStatus: { kind: 'signaled', signal: SIGINT } });
});

test.each([
  ['as long as it was made with', { stopGraceMs: 250 }, undefined, 250],
  ['as long as whoever stops it says', { stopGraceMs: 250 }, 700, 700],
  ['ten seconds where nobody says anything', {}, undefined, 10_000],
  ['not at all', { stopGraceMs: 0 }, undefined, 0],
] as const)('a stop waits %s before it kills', async (_, asked, graceMs, waitedMs) => {
  const { world, engine } = await running(172, STUBBORN, asked);
  const before = world.scheduler.nowMs;
  expect(await world.until(engine.stop('one', graceMs))).toMatchObject({ exitStatus: { signal: 9 } });
  const waited = world.scheduler.nowMs - before;
  expect(waited).toBeGreaterThanOrEqual(waitedMs);
  expect(waited).toBeLessThan(waitedMs + 200);
});

test('signal and time are kept for its next life, and by the next engine', async () => {
  const world = new World(173);
  const first = world.boot();
  const engine = await world.until(first.engine);
  await world.until(engine.launch(config(STUBBORN, { name: 'one', stopSignal: SIGINT, stopGraceMs: 300 })));
  world.killEngine(first);
  const next = await world.until(world.boot().engine);
  const before = world.scheduler.nowMs;
  await world.until(next.lives.restart('one'));
  expect(world.scheduler.nowMs - before).toBeGreaterThanOrEqual(300);
  expect((await next.status('one')).config).toMatchObject({ stopSignal: SIGINT, stopGraceMs: 300 });
});
