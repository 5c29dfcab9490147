import { expect, test } from 'vitest';
import type { Engine } from '../../src/engine/facade.ts';
import { parseFetches } from '../../src/model/fetch.ts';
import { config, World } from './world.ts';

const RUNS = { kind: 'runs' } as const;

/** An engine with a container whose server never answers. */
async function fetching(seed: number) {
  const world = new World(seed);
  const life = world.boot();
  const engine = await world.until(life.engine);
  const fetch = parseFetches([{ uri: 'https://silent.example/file' }]);
  const launching = engine.launch(config(RUNS, { name: 'one', fetch }));
  launching.catch(() => {});
  await untilFetching(world, engine);
  return { world, life, engine, launching };
}

async function untilFetching(world: World, engine: Engine): Promise<void> {
  for (let step = 0; step < 2_000; step += 1) {
    const [one] = await engine.list();
    if (one?.state === 'fetching') return;
    await world.scheduler.step();
  }
  throw new Error(`it does not fetch: ${JSON.stringify(await engine.list())}`);
}

test('a container is destroyed while its files are fetched, and nothing of it is left', async () => {
  const { world, engine, launching } = await fetching(191);
  const [operation] = engine.diagnostics.operations().filter(({ kind }) => kind === 'launch');
  expect(operation?.steps.map(({ what }) => what)).toContain('fetching its files');
  await world.until(engine.destroy('one'));
  await expect(world.until(launching)).rejects.toMatchObject({ kind: 'cancelled' });
  expect(await engine.list()).toEqual([]);
  await world.until(engine.launch(config(RUNS, { name: 'one' })));
});

test('files that never come are given up by a deadline', async () => {
  const { world, engine, launching } = await fetching(192);
  await expect(world.until(launching)).rejects.toMatchObject({ code: 'engine.overdue' });
  expect(await engine.list()).toEqual([]);
});

test('an engine that ends while files are fetched leaves no container to the next one', async () => {
  const { world, life } = await fetching(193);
  world.killEngine(life);
  const next = await world.until(world.boot().engine);
  expect((await next.list()).filter(({ state }) => state !== 'terminated')).toEqual([]);
});
