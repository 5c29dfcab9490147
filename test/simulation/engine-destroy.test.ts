import { expect, test } from 'vitest';
import type { Engine } from '../../src/engine/facade.ts';
import type { Isolator } from '../../src/isolators/isolator.ts';
import { WORLD } from './fake-kernel.ts';
import { settled } from './scheduler.ts';
import { config, type Life, World } from './world.ts';

const RUNS = { kind: 'runs' } as const;
const BASE: readonly Isolator[] = [
  {
    name: 'filesystem/linux',
    requires: [],
    plan: ({ rootfs }) => ({ namespaces: ['mount'], ...(rootfs && { rootfs }) }),
  },
  { name: 'runtime/image', requires: [], plan: (input) => ({ command: input.config.command ?? [] }) },
];

/** An isolator that notes what is asked of it, for whom. */
function noting(name: string, notes: string[], prepare: () => Promise<void> = async () => {}): Isolator {
  return {
    ...{ name, requires: [], plan: () => ({}) },
    prepare: async ({ uid }, undo) => {
      notes.push(`prepare ${name} ${uid}`);
      undo.push(name, async () => {
        notes.push(`undo ${name} ${uid}`);
      });
      await prepare();
      notes.push(`prepared ${name} ${uid}`);
      return {};
    },
    cleanup: async ({ uid }) => {
      notes.push(`cleanup ${name} ${uid}`);
    },
  };
}

function bootWith(world: World, own: readonly Isolator[]): Life {
  const isolators = [...BASE, ...own];
  return world.boot({ isolators, permittedIsolators: isolators.map(({ name }) => name) });
}

function expectNothingLeft({ kernel }: World): void {
  expect(kernel.processes.size).toBe(0);
  expect([...kernel.groups].filter((group) => group.includes('/containers/'))).toEqual([]);
  expect(kernel.disk.children(`${WORLD.rootDir}/containers`)).toEqual([]);
  expect(kernel.disk.children(`${WORLD.stateDir}/c`)).toEqual([]);
}

/** Places of the notes that begin so. */
const placesOf = (notes: readonly string[], beginning: string): readonly number[] =>
  notes.flatMap((note, place) => (note.startsWith(beginning) ? [place] : []));

test('one that is destroyed while an isolator prepares waits for it, and what was prepared is taken back', async () => {
  const world = new World(401);
  const gate = Promise.withResolvers<void>();
  const notes: string[] = [];
  const engine = await world.until(bootWith(world, [noting('test/own', notes, () => gate.promise)]).engine);
  const launching = engine.launch(config(RUNS, { name: 'one' }));
  launching.catch(() => {});
  for (let step = 0; step < 200 && notes.length === 0; step++) {
    await world.scheduler.step();
    await settled(); // or time would pass, to the deadline of what hangs
  }
  expect(notes).toHaveLength(1);
  let isDestroyed = false;
  const destroying = engine.destroy('one').then(() => {
    isDestroyed = true;
  });
  await settled();
  expect([isDestroyed, (await engine.list()).map(({ state }) => state)]).toEqual([false, ['destroying']]);
  gate.resolve();
  await expect(world.until(launching)).rejects.toMatchObject({ kind: 'cancelled' });
  await world.until(destroying);
  expect(notes.map((note) => note.split(' ')[0])).toEqual(['prepare', 'prepared', 'undo']);
  expect(await engine.list()).toEqual([]);
  expectNothingLeft(world);
});

test('one that is destroyed at any moment of its launch is gone, whatever was under way', async () => {
  const seen = new Set<string>();
  // Before the first step its name is nobody's yet.
  for (let after = 1; after < 60; after++) {
    const world = new World(410 + after);
    const engine = await world.until(bootWith(world, [noting('test/own', [])]).engine);
    const launching = engine.launch(config(RUNS, { name: 'one' }));
    launching.catch(() => {});
    for (let step = 0; step < after; step++) await world.scheduler.step();
    for (const { state } of await engine.list()) seen.add(state);
    await world.until(engine.destroy('one'));
    await world.until(launching.catch(() => {}));
    await world.quiesce();
    expect([after, await engine.list()]).toEqual([after, []]);
    expectNothingLeft(world);
  }
  for (const state of ['preparing', 'isolating', 'running']) expect([...seen]).toContain(state);
});

test('no isolator is asked to clean up for a container that it has not prepared, wherever an engine is killed', async () => {
  let cleaned = 0;
  for (let after = 0; after < 60; after++) {
    const world = new World(480 + after);
    const notes: string[] = [];
    const own = [noting('test/own', notes), noting('test/other', notes)];
    const first = bootWith(world, own);
    const engine = await world.until(first.engine);
    engine.launch(config(RUNS, { name: 'one' })).catch(() => {});
    for (let step = 0; step < after; step++) await world.scheduler.step();
    world.killEngine(first);
    const next: Engine = await world.until(bootWith(world, own).engine);
    for (const { uid } of await next.list()) await world.until(next.destroy(uid));
    await world.quiesce();
    const cleanups = placesOf(notes, 'cleanup');
    cleaned += cleanups.length;
    for (const place of cleanups) {
      const [, name, uid] = (notes[place] ?? '').split(' ');
      const [prepared = Number.POSITIVE_INFINITY] = placesOf(notes, `prepared ${name} ${uid}`);
      expect([after, prepared < place]).toEqual([after, true]);
    }
    expectNothingLeft(world);
  }
  expect(cleaned).toBeGreaterThan(0);
});

test('an isolator that comes after one whose preparation failed is neither asked to prepare nor to clean up', async () => {
  const world = new World(545);
  const notes: string[] = [];
  const fail = async (): Promise<never> => {
    throw new Error('no');
  };
  const own = [noting('test/first', notes), noting('test/second', notes, fail), noting('test/third', notes)];
  const engine = await world.until(bootWith(world, own).engine);
  await expect(world.until(engine.launch(config(RUNS, { name: 'one' })))).rejects.toThrow('no');
  await world.quiesce();
  const words = notes.map((note) => note.split(' ').slice(0, 2).join(' '));
  expect(words.slice(0, 3)).toEqual(['prepare test/first', 'prepared test/first', 'prepare test/second']);
  expect(words.slice(3)).toEqual(['undo test/second', 'undo test/first']);
  expectNothingLeft(world);
});
