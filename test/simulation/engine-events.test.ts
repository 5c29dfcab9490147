import { expect, test } from 'vitest';
import type { EngineEvent, EventQuery } from '../../src/engine/event.ts';
import type { Engine } from '../../src/engine/facade.ts';
import type { Image } from '../../src/model/image-config.ts';
import { fakeImages } from './fake-host.ts';
import { WORLD } from './fake-kernel.ts';
import { config, World } from './world.ts';

const RUNS = { kind: 'runs' } as const;
const EXITS = { kind: 'exits', code: 3, afterMs: 0 } as const;

/** All that is kept, by now. */
async function told(world: World, engine: Engine, query: EventQuery = {}): Promise<readonly EngineEvent[]> {
  const found: EngineEvent[] = [];
  const untilMs = world.scheduler.nowMs;
  for await (const event of engine.events(new AbortController().signal, { untilMs, ...query })) found.push(event);
  return found;
}

const texts = (events: readonly EngineEvent[]): readonly string[] =>
  events.map(({ subject, kind }) => `${subject} ${kind}`);

test('an event names its container, and the end tells how it came', async () => {
  const world = new World(81);
  const engine = await world.until(world.boot().engine);
  const after = engine.eventPosition();
  const labels = { tier: 'front' };
  const { status } = await world.until(engine.launch(config(EXITS, { name: 'one', labels })));
  await world.until(engine.wait('one'));
  const events = await told(world, engine, { after });
  const about = { subject: 'container', uid: status.uid, name: 'one', labels, image: 'image' };
  expect(events).toMatchObject([
    { ...about, kind: 'created' },
    { ...about, kind: 'started' },
    { ...about, kind: 'terminated', termination: { exitStatus: { kind: 'exited', code: 3 }, reason: 'exited' } },
  ]);
});

test('images and volumes that come and go are told', async () => {
  const world = new World(82);
  const images = fakeImages();
  const pull = async () => (await images.find('image')) as Image;
  const engine = await world.until(world.boot({ images: { ...images, pull } }).engine);
  const after = engine.eventPosition();
  await world.until(engine.pullImage('image', {}));
  await world.until(engine.volumes.create({ name: 'data' }));
  await world.until(engine.volumes.remove('data'));
  const events = await told(world, engine, { after, subjects: ['image', 'volume'] });
  expect(texts(events)).toEqual(['image pulled', 'volume created', 'volume removed']);
});

test('a reader goes on where it was when the next engine follows one that was closed', async () => {
  const world = new World(83);
  const first = await world.until(world.boot().engine);
  await world.until(first.launch(config(RUNS, { name: 'one' })));
  const after = first.eventPosition();
  await world.until(first.launch(config(RUNS, { name: 'two' })));
  await world.until(first.close());
  const second = await world.until(world.boot().engine);
  expect(world.kernel.disk.below(WORLD.stateDir)).not.toContain(`${WORLD.stateDir}/events.json`);
  await world.until(second.destroy('one'));
  const kinds = texts(await told(world, second, { after, kinds: ['created', 'removed'] }));
  expect(kinds).toEqual(['container created', 'container removed']);
});

test('a reader is told that nobody knows what is missing when the engine was killed', async () => {
  const world = new World(84);
  const life = world.boot();
  const first = await world.until(life.engine);
  await world.until(first.launch(config({ kind: 'exits', code: 0, afterMs: 50 }, { name: 'one' })));
  const after = first.eventPosition();
  world.killEngine(life);
  await world.quiesce(1_000);
  const second = await world.until(world.boot().engine);
  const events = await told(world, second, { after });
  expect(events[0]).toMatchObject({ subject: 'stream', kind: 'gap', missed: 'unknown' });
  expect(texts(events.slice(1))).toEqual(['container terminated']);
});

test('a history that was damaged is reported, and a new epoch begins', async () => {
  const world = new World(85);
  const first = await world.until(world.boot().engine);
  const after = first.eventPosition();
  await world.until(first.close());
  world.kernel.disk.write(`${WORLD.stateDir}/events.json`, '{"schemaVersion":1,');
  const life = world.boot();
  const second = await world.until(life.engine);
  expect(life.problems).toMatchObject([{ what: 'events of an earlier engine' }]);
  expect(texts(await told(world, second, { after }))).toEqual(['stream gap']);
});
