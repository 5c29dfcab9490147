import { expect, test } from 'vitest';
import { config, World } from './world.ts';

const RUNS = { kind: 'runs' } as const;

async function paused(seed: number) {
  const world = new World(seed);
  const life = world.boot();
  const engine = await world.until(life.engine);
  await world.until(engine.launch(config(RUNS, { name: 'one' })));
  await world.until(engine.pause('one'));
  return { world, life, engine };
}

test('a paused container takes neither a second pause nor an exec, and goes on when told so', async () => {
  const { world, engine } = await paused(1);
  const { uid, state } = await engine.status('one');
  expect(state).toBe('paused');
  const exec = { container: uid, command: ['runs'], env: [], terminal: false, stdin: false, owned: false };
  await expect(world.until(engine.exec(exec))).rejects.toMatchObject({ code: 'engine.notRunning' });
  await expect(world.until(engine.pause('one'))).rejects.toMatchObject({ code: 'engine.alreadyPaused' });
  await world.until(engine.unpause('one'));
  expect((await engine.status('one')).state).toBe('running');
  await expect(world.until(engine.unpause('one'))).rejects.toMatchObject({ code: 'engine.notPaused' });
  await world.until(engine.exec(exec));
});

test('a paused container is paused for the engine that follows', async () => {
  const { world, life } = await paused(2);
  world.killEngine(life);
  const next = await world.until(world.boot().engine);
  expect((await next.status('one')).state).toBe('paused');
  await world.until(next.unpause('one'));
});

test('a signal waits until a paused container goes on, SIGKILL does not', async () => {
  const { world, engine } = await paused(3);
  await world.until(engine.kill('one', 15));
  await world.quiesce();
  expect((await engine.status('one')).state).toBe('paused');
  await world.until(engine.unpause('one'));
  expect((await world.until(engine.wait('one'))).exitStatus).toMatchObject({ signal: 15 });
  const other = await paused(4);
  await other.world.until(other.engine.kill('one', 9));
  expect((await other.world.until(other.engine.wait('one'))).exitStatus).toMatchObject({ signal: 9 });
});

test('a paused container that is stopped hears its stop signal', async () => {
  const { world, engine } = await paused(5);
  const termination = await world.until(engine.stop('one', 10_000));
  expect(termination.exitStatus).toMatchObject({ kind: 'signaled', signal: 15 });
});

test('a container that is stopped while it is being frozen is not left frozen', async () => {
  for (let seed = 10; seed < 30; seed++) {
    const world = new World(seed);
    const engine = await world.until(world.boot().engine);
    await world.until(engine.launch(config(RUNS, { name: 'one' })));
    engine.pause('one').catch(() => {}); // refused or not
    const termination = await world.until(engine.stop('one', 10_000));
    expect(termination.exitStatus).toMatchObject({ kind: 'signaled', signal: 15 });
    await world.quiesce();
    expect(world.kernel.frozen.size).toBe(0);
  }
});
