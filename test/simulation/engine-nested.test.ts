import { expect, test } from 'vitest';
import type { Engine } from '../../src/engine/facade.ts';
import { WORLD } from './fake-kernel.ts';
import { config, World } from './world.ts';

const RUNS = { kind: 'runs' } as const;
const EXITS = { kind: 'exits', code: 0, afterMs: 0 } as const;
const STUBBORN = { kind: 'stubborn' } as const;
const ON_HOST = { namespaces: { pid: { kind: 'host' } } } as const;

async function engineOf(seed: number) {
  const world = new World(seed);
  const life = world.boot();
  return { world, life, engine: await world.until(life.engine) };
}

/** `web`, with `db` in it, with `x` in that. */
async function threeDeep(seed: number) {
  const started = await engineOf(seed);
  const { world, engine } = started;
  await world.until(engine.launch(config(RUNS, { name: 'web' })));
  await world.until(engine.launch(config(RUNS, { name: 'db', parent: 'web' })));
  await world.until(engine.launch(config(STUBBORN, { name: 'x', parent: 'web/db' })));
  return started;
}

async function statesOf(engine: Engine): Promise<Readonly<Record<string, string>>> {
  return Object.fromEntries((await engine.list()).map(({ path, state }) => [path, state]));
}

test('a nested container is told with its parent, its depth and its path, and has its groups in those of its parent', async () => {
  const { world, engine } = await threeDeep(1);
  const [web, db, x] = await Promise.all(['web', 'web/db', 'web/db/x'].map((path) => engine.status(path)));
  expect(db).toMatchObject({ parent: web?.uid, depth: 2, path: 'web/db', children: [x?.uid] });
  const group = `${WORLD.cgroupMount}/${WORLD.instance}/containers/${web?.uid}/nested/${db?.uid}/nested/${x?.uid}/self`;
  expect(world.kernel.groups.has(group)).toBe(true);
});

test('the end of a container ends what lives in it, innermost first, and their ends are kept', async () => {
  const { world, engine } = await threeDeep(2);
  await world.until(engine.kill('web', 9));
  await world.until(Promise.all(['web', 'web/db', 'web/db/x'].map((path) => engine.wait(path))));
  await world.quiesce();
  expect((await engine.status('web/db/x')).termination).toMatchObject({ reason: 'parent-ended' });
  expect((await engine.status('web')).termination).toMatchObject({ reason: 'killed' });
  await world.until(engine.remove('web'));
  expect(await engine.list()).toEqual([]);
});

test('what the kernel does not end with its parent, for that has no pid namespace, the engine does', async () => {
  const { world, engine } = await engineOf(3);
  await world.until(engine.launch(config(RUNS, { name: 'web', ...ON_HOST })));
  await world.until(engine.launch(config(STUBBORN, { name: 'db', parent: 'web' })));
  await world.until(engine.kill('web', 9));
  const end = await world.until(engine.wait('web/db'));
  expect(end).toMatchObject({ reason: 'parent-ended', message: expect.stringContaining('container web') });
});

test('a stop gives what lives in a container the stop signal and its time before the container', async () => {
  const { world, engine } = await threeDeep(4);
  const before = world.scheduler.nowMs;
  await world.until(engine.stop('web', 50));
  expect(await statesOf(engine)).toEqual({ web: 'terminated', 'web/db': 'terminated', 'web/db/x': 'terminated' });
  expect(world.scheduler.nowMs - before).toBeGreaterThanOrEqual(50); // x heeds nothing but SIGKILL
  const [x, db, web] = await Promise.all(
    ['web/db/x', 'web/db', 'web'].map(async (path) => (await engine.status(path)).termination),
  );
  expect([x?.exitStatus, db?.exitStatus, web?.exitStatus]).toMatchObject([
    { signal: 9 },
    { signal: 15 },
    { signal: 15 },
  ]);
});

test('the end of what lives in a container is nothing to that', async () => {
  const { world, engine } = await threeDeep(5);
  await world.until(engine.stop('web/db', 0));
  await world.quiesce();
  expect(await statesOf(engine)).toEqual({ web: 'running', 'web/db': 'terminated', 'web/db/x': 'terminated' });
});

test('a forced removal takes all that lives in a container, and one of --rm takes it when it ends', async () => {
  const { world, engine } = await threeDeep(6);
  await expect(world.until(engine.remove('web'))).rejects.toMatchObject({ code: 'engine.stillRunning' });
  await world.until(engine.remove('web', { force: true }));
  expect(await engine.list()).toEqual([]);
  await world.until(engine.launch(config(RUNS, { name: 'web', autoRemove: true })));
  await world.until(engine.launch(config(RUNS, { name: 'db', parent: 'web' })));
  await world.until(engine.kill('web', 15));
  await world.quiesce();
  expect(await engine.list()).toEqual([]);
  expect([...world.kernel.groups].filter((group) => group.includes('/containers/'))).toEqual([]);
});

test('only a container that runs takes others in', async () => {
  const { world, engine } = await threeDeep(7);
  const launch = (parent: string) => world.until(engine.launch(config(RUNS, { parent })));
  await world.until(engine.stop('web/db', 0));
  await expect(launch('web/db')).rejects.toMatchObject({ code: 'engine.parentNotRunning' });
  await world.until(engine.pause('web'));
  await expect(launch('web')).rejects.toMatchObject({ code: 'engine.parentNotRunning', details: { state: 'paused' } });
  await expect(launch('nobody')).rejects.toMatchObject({ kind: 'not-found' });
  await world.until(engine.unpause('web'));
  await launch('web');
});

test('what lives in a paused container stands still with it and nothing reaches it', async () => {
  const { world, engine } = await threeDeep(8);
  await world.until(engine.pause('web'));
  expect(await statesOf(engine)).toEqual({ web: 'paused', 'web/db': 'paused', 'web/db/x': 'paused' });
  const calls: readonly (() => Promise<unknown>)[] = [
    () => engine.unpause('web/db'),
    () => engine.stop('web/db', 0),
    () => engine.kill('web/db', 15),
    () => engine.pause('web/db'),
    () => engine.remove('web/db/x', { force: true }),
  ];
  for (const call of calls) {
    const told = { code: 'engine.parentPaused', details: { parent: 'web' } };
    await expect(world.until(call())).rejects.toMatchObject(told);
  }
  await world.until(engine.unpause('web'));
  expect(await statesOf(engine)).toEqual({ web: 'running', 'web/db': 'running', 'web/db/x': 'running' });
  await world.until(engine.pause('web/db'));
  await world.until(engine.pause('web'));
  await world.until(engine.stop('web', 0));
  expect(world.kernel.processes.size).toBe(0);
});

test('a container is nested no deeper than the kernel can, and the refusal says both numbers', async () => {
  const { world, engine } = await engineOf(9);
  let parent = '';
  for (let depth = 1; depth <= 32; depth++) {
    const { status } = await world.until(engine.launch(config(RUNS, parent === '' ? {} : { parent })));
    parent = status.path;
  }
  const before = world.scheduler.steps;
  const refused = world.until(engine.launch(config(RUNS, { name: 'deep', parent })));
  await expect(refused).rejects.toMatchObject({ code: 'engine.tooDeep', details: { depth: 33, most: 32 } });
  expect(world.scheduler.steps - before).toBeLessThan(5); // nothing was begun
  expect(await engine.list()).toHaveLength(32);
});

test('the next engine finds nested containers with their parents', async () => {
  const { world, engine, life } = await threeDeep(10);
  const told = (await engine.list()).map(({ uid, path, parent }) => ({ uid, path, parent }));
  world.killEngine(life);
  const next = await world.until(world.boot().engine);
  const found = (await next.list()).map(({ uid, path, parent }) => ({ uid, path, parent }));
  expect(found.sort((a, b) => a.path.length - b.path.length)).toEqual(told);
  await world.until(next.stop('web', 0));
  await world.quiesce();
  expect(world.kernel.processes.size).toBe(0);
});

test('what lived in a container whose record is gone is ended and swept', async () => {
  const { world, engine, life } = await threeDeep(11);
  const { uid } = await engine.status('web');
  world.killEngine(life);
  for (const path of world.kernel.disk.below(`${WORLD.rootDir}/containers/${uid}`)) {
    if (path.endsWith('/config.json')) world.kernel.disk.removeFile(path);
  }
  const next = await world.until(world.boot().engine);
  await world.quiesce();
  expect(await next.list()).toEqual([]);
  expect(world.kernel.processes.size).toBe(0);
  expect(world.kernel.disk.children(`${WORLD.rootDir}/containers`)).toEqual([]);
});

test('what outlived its parent while no engine was there is ended by the next one', async () => {
  const { world, engine, life } = await engineOf(12);
  await world.until(engine.launch(config({ kind: 'exits', code: 0, afterMs: 400 }, { name: 'web', ...ON_HOST })));
  await world.until(engine.launch(config(STUBBORN, { name: 'db', parent: 'web' })));
  world.killEngine(life);
  await world.quiesce(1_000);
  expect(world.kernel.processes.size).toBe(1);
  const next = await world.until(world.boot().engine);
  await world.until(next.wait('web/db'));
  expect((await next.status('web/db')).termination).toMatchObject({ reason: 'parent-ended' });
  expect(world.kernel.processes.size).toBe(0);
});

test('an engine killed at any moment of a nested launch leaves all of it or nothing of it', async () => {
  const seen = new Set<number>();
  for (let after = 0; after < 90; after++) {
    const { world, engine, life } = await engineOf(200 + after);
    await world.until(engine.launch(config(RUNS, { name: 'web' })));
    engine.launch(config(RUNS, { name: 'db', parent: 'web' })).catch(() => {});
    for (let step = 0; step < after; step++) await world.scheduler.step();
    world.killEngine(life);
    const next = await world.until(world.boot().engine);
    await world.quiesce();
    const list = await next.list();
    seen.add(list.length);
    const alive = list.filter(({ state }) => state === 'running').map(({ pid }) => pid);
    expect([...world.kernel.processes.keys()].sort()).toEqual(alive.sort());
    expect(world.kernel.disk.children(`${WORLD.rootDir}/containers`)).toHaveLength(list.length);
    expect([...world.kernel.groups].filter((group) => group.endsWith('/self'))).toHaveLength(alive.length);
  }
  expect(seen).toEqual(new Set([1, 2]));
});

test('an engine killed at any moment of a removal of a container with others in it leaves nobody without a parent', async () => {
  for (let after = 0; after < 60; after++) {
    const { world, engine, life } = await threeDeep(400 + after);
    engine.remove('web', { force: true }).catch(() => {});
    for (let step = 0; step < after; step++) await world.scheduler.step();
    world.killEngine(life);
    const next = await world.until(world.boot().engine);
    await world.quiesce();
    const list = await next.list();
    for (const { parent } of list) expect([undefined, ...list.map(({ uid }) => uid)]).toContain(parent);
    if (list.length > 0) await world.until(next.destroy('web'));
    await world.quiesce();
    expect(await next.list()).toEqual([]);
    expect(world.kernel.processes.size).toBe(0);
  }
});

test('a nested launch is given up when its parent ends', async () => {
  const { world, engine } = await engineOf(13);
  await world.until(engine.launch(config(RUNS, { name: 'web' })));
  const launching = engine.launch(config(RUNS, { name: 'db', parent: 'web' }));
  launching.catch(() => {});
  const stopping = engine.stop('web', 0);
  await expect(world.until(launching)).rejects.toMatchObject({
    kind: expect.stringMatching(/cancelled|failed-precondition/),
  });
  await world.until(stopping);
  await world.quiesce();
  expect(await statesOf(engine)).toEqual({ web: 'terminated' });
  expect(world.kernel.processes.size).toBe(0);
});

test('create twice in one parent is one container, and in another parent it is another', async () => {
  const { world, engine } = await engineOf(14);
  for (const name of ['a', 'b']) await world.until(engine.launch(config(RUNS, { name })));
  const first = await world.until(engine.create(config(RUNS, { name: 'db', parent: 'a' })));
  expect((await world.until(engine.create(config(RUNS, { name: 'db', parent: first.parent ?? '' })))).uid).toBe(
    first.uid,
  );
  expect((await world.until(engine.create(config(RUNS, { name: 'db', parent: 'b' })))).uid).not.toBe(first.uid);
  const other = world.until(engine.create(config(EXITS, { name: 'db', parent: 'a' })));
  await expect(other).rejects.toMatchObject({ code: 'engine.configDiffers' });
});
