import { expect, test } from 'vitest';
import { commandOf } from './workload.ts';
import { config, World } from './world.ts';

const RUNS = { kind: 'runs' } as const;
const STUBBORN = { kind: 'stubborn' } as const;
const SIGUSR1 = 10;
const BY_USR1 = { exitStatus: { kind: 'signaled', signal: SIGUSR1 } };

/** A container whose first process heeds nothing, with a session and a nested container that end by any signal. */
async function inhabited(seed: number) {
  const world = new World(seed);
  const engine = await world.until(world.boot().engine);
  await world.until(engine.launch(config(STUBBORN, { name: 'web' })));
  await world.until(engine.launch(config(RUNS, { name: 'db', parent: 'web' })));
  const { uid: container } = await engine.status('web');
  const session = await world.until(
    engine.exec({ container, command: commandOf(RUNS), env: [], terminal: false, stdin: false, owned: false }),
  );
  return { world, engine, session };
}

test('a signal to all reaches sessions and what lives in the container, and the first process', async () => {
  const { world, engine, session } = await inhabited(181);
  await world.until(engine.kill('web', SIGUSR1, { all: true }));
  const ends = await world.until(Promise.all([engine.waitSession(session.id), engine.wait('web/db')]));
  expect(ends).toMatchObject([BY_USR1, BY_USR1]);
  expect((await engine.status('web')).state).toBe('running');
  await world.until(engine.kill('web', 9, { all: true }));
  expect(await world.until(engine.wait('web'))).toMatchObject({ exitStatus: { signal: 9 } });
});

test('a signal that is not for all is for the first process alone', async () => {
  const { world, engine } = await inhabited(182);
  await world.until(engine.kill('web', SIGUSR1));
  await world.quiesce(1_000);
  expect((await engine.status('web/db')).state).toBe('running');
});

test('who stands still gets the signal once it goes on, and SIGKILL at once', async () => {
  const world = new World(183);
  const engine = await world.until(world.boot().engine);
  for (const name of ['one', 'two']) {
    await world.until(engine.launch(config(RUNS, { name })));
    await world.until(engine.pause(name));
  }
  await world.until(engine.kill('one', SIGUSR1, { all: true }));
  await world.until(engine.kill('two', 9, { all: true }));
  expect((await engine.status('one')).state).toBe('paused');
  expect(await world.until(engine.wait('two'))).toMatchObject({ exitStatus: { signal: 9 } });
  await world.until(engine.unpause('one'));
  expect(await world.until(engine.wait('one'))).toMatchObject(BY_USR1);
});

test('what has ended gets no signal', async () => {
  const { world, engine } = await inhabited(184);
  await world.until(engine.stop('web', 0));
  await expect(world.until(engine.kill('web', SIGUSR1, { all: true }))).rejects.toMatchObject({
    code: 'engine.notRunning',
  });
});

test('a restart policy takes SIGKILL to all for a wish, and another signal for none', async () => {
  const world = new World(185);
  const engine = await world.until(world.boot().engine);
  await world.until(engine.launch(config(RUNS, { name: 'one', restart: { kind: 'always' } })));
  await world.until(engine.kill('one', SIGUSR1, { all: true }));
  await world.quiesce(5_000);
  expect(await engine.status('one')).toMatchObject({ state: 'running', restart: { count: 1 } });
  await world.until(engine.kill('one', 9, { all: true }));
  await world.quiesce(5_000);
  expect((await engine.status('one')).state).toBe('terminated');
});
