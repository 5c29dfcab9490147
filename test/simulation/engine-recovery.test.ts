import { expect, test } from 'vitest';
import { WORLD } from './fake-kernel.ts';
import { config, World } from './world.ts';

const RUNS = { kind: 'runs' } as const;

test('a damaged record is reported and kept, its processes are ended, and the others are found', async () => {
  const world = new World(21);
  const first = world.boot();
  const engine = await world.until(first.engine);
  const { status } = await world.until(engine.launch(config(RUNS, { name: 'damaged' })));
  await world.until(engine.launch(config(RUNS, { name: 'whole' })));
  world.killEngine(first);
  const file = `${WORLD.rootDir}/containers/${status.uid}/config.json`;
  world.kernel.disk.write(file, '{ "schemaVersion": 1, ');
  const second = world.boot();
  const next = await world.until(second.engine);
  expect((await next.list()).map(({ config: { name } }) => name)).toEqual(['whole']);
  expect(second.problems).toMatchObject([{ uid: status.uid, what: expect.stringContaining(file) }]);
  expect(world.kernel.processes.size).toBe(1);
  expect(world.kernel.disk.read(file)).toContain('schemaVersion');
});

test('a group without a record is swept with its processes', async () => {
  const world = new World(22);
  const group = `${WORLD.cgroupMount}/${WORLD.instance}/containers/0123456789ab/self`;
  world.kernel.makeGroup(group);
  world.kernel.fork(group, true);
  const engine = await world.until(world.boot().engine);
  expect(await engine.list()).toEqual([]);
  expect(world.kernel.processes.size).toBe(0);
  expect([...world.kernel.groups].filter((path) => path.includes('0123456789ab'))).toEqual([]);
});

test('files of a container that has no record are swept, and what is no container of ours is left alone', async () => {
  const world = new World(26);
  const { disk } = world.kernel;
  const containers = `${WORLD.rootDir}/containers`;
  for (const directory of [
    `${containers}/0123456789ab/upper`,
    `${WORLD.stateDir}/c/0123456789ab`,
    `${containers}/mine`,
  ])
    disk.makeDirectories(directory);
  disk.write(`${containers}/0123456789ab/upper/written`, 'by nobody');
  disk.write(`${containers}/mine/note`, 'of a person');
  const life = world.boot();
  await world.until(life.engine);
  await world.quiesce();
  expect(disk.children(containers)).toEqual(['mine']);
  expect(disk.children(`${WORLD.stateDir}/c`)).toEqual([]);
  expect(disk.read(`${containers}/mine/note`)).toBe('of a person');
  expect(life.problems).toMatchObject([{ what: expect.stringContaining('mine is no container of ours') }]);
});

test('a container of --rm that ended while no engine was there is removed by the next one', async () => {
  const world = new World(23);
  const first = world.boot();
  const engine = await world.until(first.engine);
  await world.until(engine.launch(config({ kind: 'exits', code: 0, afterMs: 50 }, { name: 'one', autoRemove: true })));
  world.killEngine(first);
  await world.quiesce();
  const second = await world.until(world.boot().engine);
  await world.quiesce();
  expect(await second.list()).toEqual([]);
  expect(world.kernel.disk.below(`${WORLD.rootDir}/containers`)).toEqual([]);
});

test('a monitor that vanished while no engine was there, and its fork server too, makes its container lost', async () => {
  const world = new World(24);
  const first = world.boot();
  const engine = await world.until(first.engine);
  const { status } = await world.until(engine.launch(config(RUNS, { name: 'one' })));
  await world.quiesce(100);
  world.killEngine(first);
  world.killForkServer();
  for (const monitor of world.kernel.monitors) monitor.kill();
  expect(world.kernel.processes.size).toBe(1);
  const second = await world.until(world.boot().engine);
  expect((await second.status(status.uid)).termination).toMatchObject({
    reason: 'lost',
    message: 'its monitor vanished while no engine was there, so nobody saw the end',
  });
  expect(world.kernel.processes.size).toBe(0);
});

test('the moment of the start survives the engine', async () => {
  const world = new World(25);
  const first = world.boot();
  const engine = await world.until(first.engine);
  const { status } = await world.until(engine.launch(config(RUNS, { name: 'one' })));
  await world.quiesce(1_000);
  world.killEngine(first);
  world.scheduler.nowMs += 5_000;
  const second = await world.until(world.boot().engine);
  expect((await second.status('one')).startedAtMs).toBe(status.startedAtMs);
});
