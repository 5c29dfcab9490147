import { expect, test } from 'vitest';
import type { Isolator } from '../../src/isolators/isolator.ts';
import { config, type Life, World } from './world.ts';

const RUNS = { kind: 'runs' } as const;

/** Isolators that tell that they are asked, and for whom they clean up. */
function telling(names: readonly string[], cleaned: string[]): readonly Isolator[] {
  return names.map((name) => ({
    ...{ name, requires: [], plan: () => ({}), usage: async () => ({ [name]: 1 }) },
    cleanup: async () => {
      cleaned.push(name);
    },
  }));
}

/** An engine whose containers have these isolators, the one before it dead. */
function bootWith(world: World, names: readonly string[], cleaned: string[]): Life {
  return world.boot({ isolators: telling(names, cleaned), permittedIsolators: names });
}

test.each([
  ['more', ['cgroups/pids'], ['cgroups/cpu', 'cgroups/pids']],
  ['others', ['cgroups/pids'], ['cgroups/pids', 'namespaces/pid']],
] as const)(
  'an engine with %s isolators finds what runs with those that it was launched with, and new ones have all',
  async (_, before, after) => {
    const world = new World(61);
    const cleaned: string[] = [];
    const first = bootWith(world, before, cleaned);
    const engine = await world.until(first.engine);
    const plain = { rootfs: { kind: 'none' } } as const;
    const { status } = await world.until(engine.launch(config(RUNS, { name: 'old', ...plain })));
    await world.quiesce(1_000);
    const [told] = await world.until(engine.stats());
    world.killEngine(first);
    const next = await world.until(bootWith(world, after, cleaned).engine);
    await world.until(next.launch(config(RUNS, { name: 'new', ...plain })));
    const usage = async (name: string) => (await world.until(next.stats({ ids: [name] })))[0]?.usage;
    // Usage is told by the next engine, too, of the isolators that the container has.
    expect(await usage('old')).toEqual(told?.usage);
    expect(Object.keys((await usage('new')) ?? {}).toSorted()).toEqual([...after].toSorted());
    await world.until(next.destroy(status.uid));
    expect(cleaned).toEqual(before);
    expect((await world.until(next.list())).map(({ config: { name } }) => name)).toEqual(['new']);
    expect(world.kernel.processes.size).toBe(1);
  },
);
