import { expect, test } from 'vitest';
import type { Engine } from '../../src/engine/facade.ts';
import type { Step } from '../../src/model/wire.ts';
import { MEMORY_IN_USE, WORLD } from './fake-kernel.ts';
import { config, World } from './world.ts';

const MIB = 1 << 20;
const RUNS = { kind: 'runs' } as const;

interface Started {
  readonly world: World;
  readonly engine: Engine;
  readonly life: ReturnType<World['boot']>;
  readonly knobs: () => readonly (string | undefined)[];
}

/** A running container `one` with a memory limit of 64 MiB. */
async function start(seed: number, autoRemove = false): Promise<Started> {
  const world = new World(seed);
  const life = world.boot();
  const engine = await world.until(life.engine);
  const resources = { memoryLimitBytes: 64 * MIB };
  const { status } = await world.until(engine.launch(config(RUNS, { name: 'one', resources, autoRemove })));
  const group = `${WORLD.cgroupMount}/${WORLD.instance}/containers/${status.uid}`;
  const knobs = () => ['memory.max', 'memory.swap.max'].map((file) => world.kernel.knobs.get(`${group}/${file}`));
  return { world, engine, life, knobs };
}

const limitOf = async (engine: Engine) => (await engine.status('one')).config.resources.memoryLimitBytes;

test.each([false, true])('an update changes knobs, record and plan (goes with its end: %s)', async (autoRemove) => {
  const { world, engine, life, knobs } = await start(1, autoRemove);
  const status = await world.until(engine.update('one', { memoryLimitBytes: 32 * MIB }));
  expect(status.config.resources).toEqual({ memoryLimitBytes: 32 * MIB });
  expect(knobs()).toEqual([`${32 * MIB}`, `${32 * MIB}`]);
  const planned = (await world.until(engine.plan('one'))).cgroups[0]?.knobs;
  expect(planned?.map(({ value }) => value)).toEqual([`${32 * MIB}`, `${32 * MIB}`]);
  world.killEngine(life);
  expect(await limitOf(await world.until(world.boot().engine))).toBe(32 * MIB);
});

test('a limit that is taken away is none afterwards', async () => {
  const { world, engine, knobs } = await start(2);
  await world.until(engine.update('one', { memoryLimitBytes: null }));
  expect(knobs()).toEqual(['max', 'max']);
  expect(await limitOf(engine)).toBeUndefined();
});

test('an update that the kernel refuses half way changes nothing', async () => {
  const { world, engine, life, knobs } = await start(3);
  const refused = world.until(engine.update('one', { memoryLimitBytes: 32 * MIB + 1 }));
  await expect(refused).rejects.toMatchObject({ code: 'update.refused', kind: 'failed-precondition' });
  expect(knobs()).toEqual([`${64 * MIB}`, `${64 * MIB}`]);
  expect(await limitOf(engine)).toBe(64 * MIB);
  world.killEngine(life);
  expect(await limitOf(await world.until(world.boot().engine))).toBe(64 * MIB);
});

test('a memory limit below what is in use is refused with both values, and kills nobody', async () => {
  const { world, engine, knobs } = await start(4);
  const refused = world.until(engine.update('one', { memoryLimitBytes: 4 * MIB }));
  await expect(refused).rejects.toMatchObject({
    code: 'update.memoryInUse',
    details: { limitBytes: 4 * MIB, usedBytes: MEMORY_IN_USE },
  });
  expect(knobs()).toEqual([`${64 * MIB}`, `${64 * MIB}`]);
  expect((await engine.status('one')).state).toBe('running');
});

test('a record that cannot be written takes the knobs back', async () => {
  const { world, engine, life, knobs } = await start(5);
  const { files } = life.effects;
  const broken = { ...files };
  Object.assign(files, {
    writeAtomic: async (path: string, content: string, options: object) => {
      if (path.endsWith('/config.json')) throw Object.assign(new Error('disk full'), { code: 'ENOSPC' });
      await broken.writeAtomic(path, content, options);
    },
  });
  await expect(world.until(engine.update('one', { memoryLimitBytes: 32 * MIB }))).rejects.toThrow('disk full');
  expect(knobs()).toEqual([`${64 * MIB}`, `${64 * MIB}`]);
  const planned = (await world.until(engine.plan('one'))).cgroups[0]?.knobs;
  expect(planned?.map(({ value }) => value)).toEqual([`${64 * MIB}`, `${64 * MIB}`]);
});

test('an engine killed at any moment of an update leaves all of it or nothing of it to the next', async () => {
  const seen = new Set<number | undefined>();
  for (let after = 0; after < 40; after++) {
    const { world, engine, life, knobs } = await start(100 + after);
    engine.update('one', { memoryLimitBytes: 32 * MIB }).catch(() => {});
    for (let step = 0; step < after; step++) await world.scheduler.step();
    world.killEngine(life);
    const next = await world.until(world.boot().engine);
    await world.quiesce();
    const limit = await limitOf(next);
    seen.add(limit);
    expect([64 * MIB, 32 * MIB]).toContain(limit);
    expect(knobs()).toEqual([`${limit}`, `${limit}`]);
    const planned = (await world.until(next.plan('one'))).cgroups[0]?.knobs;
    expect(planned?.map(({ value }) => value)).toEqual([`${limit}`, `${limit}`]);
  }
  expect(seen).toEqual(new Set([64 * MIB, 32 * MIB]));
});

test.each([
  ['is empty', () => ''],
  ['ends in its middle', (text: string) => text.slice(0, text.length >> 1)],
  ['holds zeros', (text: string) => '\0'.repeat(text.length)],
])(
  'a record of an update that %s after the engine was killed leaves the old limits or the new ones',
  async (_, damage) => {
    const seen = new Set<number | undefined>();
    let halfWay = 0;
    for (let after = 0; after < 40; after++) {
      const { world, engine, life, knobs } = await start(200 + after);
      const { uid } = await engine.status('one');
      const record = `${WORLD.stateDir}/c/${uid}/update.json`;
      const { disk } = world.kernel;
      engine.update('one', { memoryLimitBytes: 32 * MIB }).catch(() => {});
      for (let step = 0; step < after; step++) await world.scheduler.step();
      world.killEngine(life);
      if (disk.get(record) === undefined) continue;
      if (new Set(knobs()).size > 1) halfWay += 1;
      disk.write(record, damage(disk.read(record)));
      const second = world.boot();
      const next = await world.until(second.engine);
      await world.quiesce();
      expect(second.problems).toContainEqual(expect.objectContaining({ damagedFile: record }));
      const limit = await limitOf(next);
      seen.add(limit);
      expect(knobs()).toEqual([`${limit}`, `${limit}`]);
      expect(disk.below(`${WORLD.stateDir}/c/${uid}`).filter((path) => path.includes('update'))).toEqual([]);
    }
    expect(halfWay).toBeGreaterThan(0);
    expect(seen.size).toBeGreaterThan(0);
  },
);

test('where the copy is damaged too that is told, and the next update sets all of it', async () => {
  const { world, engine, life, knobs } = await start(240);
  const { uid } = await engine.status('one');
  const directory = `${WORLD.stateDir}/c/${uid}`;
  const { disk } = world.kernel;
  engine.update('one', { memoryLimitBytes: 32 * MIB }).catch(() => {});
  while (disk.get(`${directory}/update.json`) === undefined) await world.scheduler.step();
  world.killEngine(life);
  for (const name of ['update.json', 'update-copy.json']) disk.write(`${directory}/${name}`, '{');
  const second = world.boot();
  const next = await world.until(second.engine);
  expect(second.problems).toContainEqual(
    expect.objectContaining({ what: expect.stringContaining('some of its limits may be new and some old') }),
  );
  await world.until(next.update('one', { memoryLimitBytes: 16 * MIB }));
  expect(knobs()).toEqual([`${16 * MIB}`, `${16 * MIB}`]);
});

test('limits that cannot be restored at once are restored later, and until then no other update is taken', async () => {
  const world = new World(6);
  let isBroken = false;
  const life = world.boot();
  const engine = await world.until(life.engine);
  await world.until(engine.launch(config(RUNS, { name: 'one', resources: { memoryLimitBytes: 64 * MIB } })));
  const { kernel } = world;
  const write = kernel.writeKnob.bind(kernel);
  kernel.writeKnob = (path: string, value: Step['values'][string] & string) => {
    if (isBroken && value === `${64 * MIB}`) throw Object.assign(new Error(path), { code: 'EIO' });
    write(path, value);
  };
  isBroken = true;
  const refused = engine.update('one', { memoryLimitBytes: 32 * MIB + 1 });
  await expect(world.until(refused)).rejects.toMatchObject({ code: 'update.refused' });
  const next = engine.update('one', { memoryLimitBytes: 16 * MIB });
  await expect(world.until(next)).rejects.toMatchObject({ code: 'update.unsettled', kind: 'unavailable' });
  isBroken = false;
  await world.quiesce();
  expect([...kernel.knobs.values()]).toEqual(expect.arrayContaining([`${64 * MIB}`]));
  await world.until(engine.update('one', { memoryLimitBytes: 16 * MIB }));
  expect(await limitOf(engine)).toBe(16 * MIB);
});

test('what has ended, or is ending, takes no update and no pause', async () => {
  const { world, engine } = await start(7);
  await world.until(engine.stop('one', 0));
  const calls: readonly Promise<unknown>[] = [engine.update('one', { pidsLimit: 5 }), engine.pause('one')];
  for (const call of calls) {
    await expect(world.until(call)).rejects.toMatchObject({ code: 'engine.notRunning' });
  }
  await expect(world.until(engine.unpause('one'))).rejects.toMatchObject({ code: 'engine.notPaused' });
});

test('a limit that no isolator of the container serves is refused', async () => {
  const { world, engine } = await start(8);
  const unserved = world.until(engine.update('one', { pidsLimit: 5 }));
  await expect(unserved).rejects.toMatchObject({ code: 'isolators.unserved' });
  await expect(world.until(engine.update('one', {}))).rejects.toMatchObject({ code: 'update.nothing' });
});

test('a create that is repeated after an update asks for the same as before, also of the engine that follows', async () => {
  const { world, engine, life } = await start(9);
  const asked = (bytes: number) => config(RUNS, { name: 'one', resources: { memoryLimitBytes: bytes } });
  const { uid } = await world.until(engine.update('one', { memoryLimitBytes: 32 * MIB }));
  await world.until(engine.update('one', { memoryLimitBytes: 16 * MIB }));
  const check = async (of: Engine): Promise<void> => {
    const again = await world.until(of.create(asked(64 * MIB)));
    expect([again.uid, again.config.resources.memoryLimitBytes]).toEqual([uid, 16 * MIB]);
    const other = world.until(of.create(asked(16 * MIB)));
    await expect(other).rejects.toMatchObject({ code: 'engine.configDiffers', details: { fields: ['resources'] } });
  };
  await check(engine);
  world.killEngine(life);
  await check(await world.until(world.boot().engine));
});
