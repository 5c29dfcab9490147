import { expect, test } from 'vitest';
import { WORLD } from './fake-kernel.ts';
import { config, World } from './world.ts';

const EXIT_3 = { kind: 'exits', code: 3, afterMs: 5 } as const;

test('a launch runs its command, a waiter hears its exit code, and removal leaves nothing', async () => {
  const world = new World(1);
  const life = world.boot();
  const engine = await world.until(life.engine);
  const { status } = await world.until(engine.launch(config(EXIT_3, { name: 'one' })));
  expect(status).toMatchObject({ state: 'running', config: { name: 'one' }, command: ['exits', '3', '5'] });
  const termination = await world.until(engine.wait('one'));
  expect(termination).toMatchObject({ exitStatus: { kind: 'exited', code: 3 }, reason: 'exited' });
  await world.until(engine.remove('one'));
  expect(await engine.list()).toEqual([]);
  await world.quiesce();
  expect(world.kernel.disk.below(`${WORLD.rootDir}/containers`)).toEqual([]);
  expect(world.kernel.disk.below(`${WORLD.stateDir}/c`)).toEqual([]);
  expect(world.kernel.disk.below(`${WORLD.stateDir}/s`)).toEqual([]);
  expect(world.kernel.groups.size).toBe(2);
  expect(life.problems).toEqual([]);
});

test('an engine that is killed is followed by one that finds the container running, and later its end', async () => {
  const world = new World(2);
  const first = world.boot();
  const engine = await world.until(first.engine);
  const { status } = await world.until(engine.launch(config({ kind: 'runs' }, { name: 'one' })));
  world.killEngine(first);
  const second = await world.until(world.boot().engine);
  expect(await second.status('one')).toMatchObject({ uid: status.uid, state: 'running', pid: status.pid });
  const stopped = await world.until(second.stop('one', 1_000));
  expect(stopped).toMatchObject({ exitStatus: { kind: 'signaled', signal: 15 }, reason: 'killed' });
});

test('a container that ended while no engine was there has its true exit code', async () => {
  const world = new World(3);
  const first = world.boot();
  const engine = await world.until(first.engine);
  await world.until(engine.launch(config({ kind: 'exits', code: 7, afterMs: 50 }, { name: 'one' })));
  world.killEngine(first);
  await world.quiesce();
  const second = await world.until(world.boot().engine);
  expect((await world.until(second.wait('one'))).exitStatus).toEqual({ kind: 'exited', code: 7 });
});

test('a container whose monitor vanishes is killed and told as lost', async () => {
  const world = new World(4);
  const engine = await world.until(world.boot().engine);
  const { status } = await world.until(engine.launch(config({ kind: 'runs' })));
  for (const monitor of world.kernel.monitors) monitor.kill();
  const termination = await world.until(engine.wait(status.uid));
  expect(termination).toMatchObject({ exitStatus: { kind: 'lost' }, reason: 'lost' });
  expect(world.kernel.processes.size).toBe(0);
});

test('after a power cut a container that was kept is told as lost to a reboot, and one of --rm is gone', async () => {
  const world = new World(5);
  const first = world.boot();
  const engine = await world.until(first.engine);
  await world.until(engine.launch(config({ kind: 'runs' }, { name: 'kept' })));
  await world.until(engine.launch(config({ kind: 'runs' }, { name: 'passing', autoRemove: true })));
  world.powerCut(first);
  const second = await world.until(world.boot().engine);
  const listed = await second.list();
  expect(listed.map(({ config: { name }, termination }) => [name, termination?.reason])).toEqual([['kept', 'lost']]);
});

test('a command that is not there fails the launch and leaves nothing, the name included', async () => {
  const world = new World(6);
  const life = world.boot();
  const engine = await world.until(life.engine);
  const failed = engine.launch(config({ kind: 'missing' }, { name: 'one' }));
  await expect(world.until(failed)).rejects.toMatchObject({ kind: 'not-found' });
  expect(world.kernel.disk.below(`${WORLD.rootDir}/containers`)).toEqual([]);
  expect(world.kernel.disk.below(`${WORLD.stateDir}/c`)).toEqual([]);
  await world.until(engine.launch(config({ kind: 'runs' }, { name: 'one' })));
  expect(life.problems).toEqual([]);
});

test('a stubborn command is killed after its grace', async () => {
  const world = new World(7);
  const engine = await world.until(world.boot().engine);
  await world.until(engine.launch(config({ kind: 'stubborn' }, { name: 'one' })));
  const before = world.scheduler.nowMs;
  const termination = await world.until(engine.stop('one', 2_000));
  expect(termination.exitStatus).toMatchObject({ kind: 'signaled', signal: 9 });
  expect(world.scheduler.nowMs - before).toBeGreaterThanOrEqual(2_000);
});

test('destroy cancels a launch that is under way', async () => {
  const world = new World(8);
  const engine = await world.until(world.boot().engine);
  const launching = engine.launch(config({ kind: 'runs' }, { name: 'one' }));
  for (let step = 0; step < 5; step++) await world.scheduler.step();
  const destroyed = engine.destroy('one');
  await expect(world.until(launching)).rejects.toMatchObject({ kind: 'cancelled' });
  await world.until(destroyed);
  expect(await engine.list()).toEqual([]);
});

test('a launch under way is given up when whoever asked for it leaves, and one that is done is not', async () => {
  const world = new World(8);
  const engine = await world.until(world.boot().engine);
  const left = new AbortController();
  const launching = engine.launch(config({ kind: 'runs' }, { name: 'one' }), undefined, { signal: left.signal });
  for (let step = 0; step < 5; step++) await world.scheduler.step();
  left.abort();
  await expect(world.until(launching)).rejects.toMatchObject({ kind: 'cancelled' });
  expect(await engine.list()).toEqual([]);
  const late = new AbortController();
  await world.until(engine.launch(config({ kind: 'runs' }, { name: 'one' }), undefined, { signal: late.signal }));
  late.abort();
  expect(await engine.status('one')).toMatchObject({ state: 'running' });
});

test('create twice is one container, and another config for its name is refused', async () => {
  const world = new World(9);
  const engine = await world.until(world.boot().engine);
  const wanted = config({ kind: 'runs' }, { name: 'one' });
  const [a, b] = await world.until(Promise.all([engine.create(wanted), engine.create(wanted)]));
  expect(a.uid).toBe(b.uid);
  const other = engine.create({ ...wanted, labels: { a: 'b' } });
  await expect(world.until(other)).rejects.toMatchObject({
    code: 'engine.configDiffers',
    details: { fields: ['labels'] },
  });
});

test('a session runs in the container, its end can be asked for, and it is found again by the next engine', async () => {
  const world = new World(10);
  const first = world.boot();
  const engine = await world.until(first.engine);
  const { status } = await world.until(engine.launch(config({ kind: 'runs' }, { name: 'one' })));
  const exec = { container: status.uid, env: [], terminal: false, stdin: false, owned: true };
  const ends = await world.until(engine.exec({ ...exec, command: ['exits', '4', '0'] }));
  expect((await world.until(engine.waitSession(ends.id))).exitStatus).toEqual({ kind: 'exited', code: 4 });
  const stays = await world.until(engine.exec({ ...exec, command: ['runs'] }));
  world.killEngine(first);
  const second = await world.until(world.boot().engine);
  await world.until(second.signalSession(stays.id, 9));
  expect((await world.until(second.waitSession(stays.id))).exitStatus).toMatchObject({ signal: 9 });
});

test('explain makes the plan and leaves nothing', async () => {
  const world = new World(11);
  const engine = await world.until(world.boot().engine);
  const plan = await world.until(engine.explain(config({ kind: 'runs' })));
  expect(plan.isolators).toEqual([
    'filesystem/linux',
    'namespaces/pid',
    'network/none',
    'cgroups/memory',
    'runtime/image',
  ]);
  expect(world.kernel.disk.below(`${WORLD.stateDir}/c`)).toEqual([]);
});
