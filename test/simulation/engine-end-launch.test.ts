import { expect, test } from 'vitest';
import { untilAborted } from '../../src/base/deadline.ts';
import type { Engine } from '../../src/engine/facade.ts';
import { testImages } from '../../src/image/images.fixture.ts';
import type { Isolator } from '../../src/isolators/isolator.ts';
import { fakeImages } from './fake-host.ts';
import { settled } from './scheduler.ts';
import { config, World } from './world.ts';

const RUNS = { kind: 'runs' } as const;
const SIGKILL = 9;
const SIGUSR1 = 10;
const never = (): Promise<never> => new Promise(() => {});
const STUCK = 'registry.test/stuck:1';
const IMAGE = { rootfs: { kind: 'image', reference: STUCK } } as const;
const IMAGES = fakeImages();

/** One image never comes. */
const images = testImages({
  ...IMAGES,
  find: async (reference) => (reference === STUCK ? undefined : IMAGES.find(reference)),
  pull: (_, { signal } = {}) => untilAborted(never(), ...(signal === undefined ? [] : [signal])),
});

/** A container whose image never comes. */
async function provisioning(seed: number) {
  const world = new World(seed);
  const engine = await world.until(world.boot({ images }).engine);
  const launching = engine.launch(config(RUNS, { name: 'one', ...IMAGE }));
  launching.catch(() => {});
  await world.quiesce(1_000);
  expect((await engine.status('one')).state).toBe('provisioning');
  return { world, engine, launching };
}

const ENDS: readonly (readonly [string, (engine: Engine) => Promise<unknown>])[] = [
  ['a stop', (engine: Engine) => engine.stop('one')],
  ['a stop without grace', (engine: Engine) => engine.stop('one', 0)],
  ...[1, 2, 3, SIGKILL, 15].map(
    (signal) => [`signal ${signal}`, (engine: Engine) => engine.kill('one', signal)] as const,
  ),
  ['SIGKILL to all', (engine: Engine) => engine.kill('one', SIGKILL, { all: true })],
];

test.each(ENDS)('%s ends the launch of a container whose image never comes, and leaves nothing', async (_, end) => {
  const { world, engine, launching } = await provisioning(401);
  const ends = engine.wait('one');
  await world.until(end(engine));
  await expect(world.until(launching)).rejects.toMatchObject({ kind: 'cancelled', code: 'engine.stoppedBeforeStart' });
  expect(await world.until(ends)).toMatchObject({ reason: 'launch-failed' });
  expect(await engine.list()).toEqual([]);
  expect(engine.diagnostics.operations()).toEqual([]);
});

test('a signal that is not sent to end something is refused while there is no process', async () => {
  const { world, engine } = await provisioning(402);
  await expect(world.until(engine.kill('one', SIGUSR1))).rejects.toMatchObject({ code: 'engine.notRunning' });
  expect((await engine.status('one')).state).toBe('provisioning');
  await world.until(engine.stop('one'));
});

test('several who stop it, and kill it, are all answered', async () => {
  const { world, engine } = await provisioning(405);
  const asked = [engine.stop('one'), engine.stop('one', 0), engine.kill('one', SIGKILL), engine.destroy('one')];
  const late = settled().then(() => Promise.allSettled([engine.stop('one'), engine.kill('one', SIGKILL)]));
  const results = await world.until(Promise.allSettled(asked));
  expect(results.map(({ status }) => status)).toEqual(asked.map(() => 'fulfilled'));
  // Whoever comes when nothing is left is told just that.
  for (const result of await world.until(late)) {
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'engine.unknownContainer' });
  }
  expect(await engine.list()).toEqual([]);
});

test('a launch that comes again under the same name waits for the end of the one that was stopped', async () => {
  const { world, engine } = await provisioning(403);
  const stopping = engine.stop('one');
  await world.until(stopping);
  const { status } = await world.until(engine.launch(config(RUNS, { name: 'one' })));
  expect(status.state).toBe('running');
});

test('a stop ends the next life of a container while that is launched, and its policy does not begin another', async () => {
  const world = new World(404);
  let isHung = false;
  const isolators: readonly Isolator[] = [
    {
      name: 'filesystem/linux',
      requires: [],
      plan: ({ rootfs }) => ({ namespaces: ['mount'], ...(rootfs && { rootfs }) }),
      prepare: async () => (isHung ? never() : {}),
    },
    { name: 'runtime/image', requires: [], plan: (input) => ({ command: input.config.command ?? [] }) },
  ];
  const life = world.boot({ isolators, permittedIsolators: isolators.map(({ name }) => name) });
  const engine = await world.until(life.engine);
  await world.until(engine.launch(config(RUNS, { name: 'one', restart: { kind: 'always' } })));
  isHung = true;
  await world.until(engine.kill('one', SIGUSR1));
  await world.quiesce(2_000);
  expect((await engine.status('one')).state).toBe('preparing');
  expect(await world.until(engine.stop('one', 0))).toMatchObject({ reason: 'launch-failed' });
  await world.quiesce(5_000);
  expect(await engine.status('one')).toMatchObject({ state: 'terminated', restart: { isStopped: true } });
});
