import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Engine } from '../../src/engine/facade.ts';
import { systemError } from './fake-disk.ts';
import { WORLD } from './fake-kernel.ts';
import { commandOf } from './workload.ts';
import { config, type Life, type Sabotage, World } from './world.ts';

const RUNS = { kind: 'runs' } as const;

/** Every record that there is, of containers of these names. */
const RECORDS = [
  ['kept', 'config.json'],
  ['kept', 'plan.json'],
  ['kept', 'process.json'],
  ['kept', 'update.json'],
  ['kept', 'session'],
  ['passing', 'config.json'],
  ['ended', 'config.json'],
  ['ended', 'termination.json'],
] as const satisfies readonly Record[];
type Record = readonly [name: string, file: string];

/** What may have become of a file. */
const DAMAGES: Readonly<{ [what: string]: (text: string) => string }> = {
  'is empty': () => '',
  'has one byte': (text) => text.slice(0, 1),
  'ends after a third': (text) => text.slice(0, Math.floor(text.length / 3)),
  'ends in its middle': (text) => text.slice(0, text.length >> 1),
  'ends before its last brace': (text) => text.slice(0, text.lastIndexOf('}')),
  'holds zeros': (text) => '\0'.repeat(text.length),
  'holds something else': () => '#!/bin/sh\nexit 0\n',
  'is null': () => 'null\n',
  'is of another version': (text) => text.replace('"schemaVersion":1', '"schemaVersion":2'),
};

interface Left {
  readonly world: World;
  readonly uids: ReadonlyMap<string, string>;
  readonly pathOf: (record: Record) => string;
}

/** An engine is killed that has containers with every kind of record; the next has not been opened yet. */
async function leave(sabotage?: Sabotage, seed = 7): Promise<Left> {
  const world = new World(seed, sabotage);
  const first = world.boot();
  const engine = await world.until(first.engine);
  const uids = new Map<string, string>();
  for (const name of ['whole', 'kept', 'passing', 'ended']) {
    const { status } = await world.until(engine.launch(config(RUNS, { name, autoRemove: name === 'passing' })));
    uids.set(name, status.uid);
  }
  const { uid: kept } = await engine.status('kept');
  const command = commandOf(RUNS);
  const session = await world.until(
    engine.exec({ container: kept, command, env: [], terminal: false, stdin: false, owned: false }),
  );
  await world.until(engine.stop('ended', 0));
  await world.quiesce(1_000);
  const directory = (name: string): string => `${WORLD.rootDir}/containers/${uids.get(name)}`;
  const state = (name: string): string => `${WORLD.stateDir}/c/${uids.get(name)}`;
  engine.update(kept, { memoryLimitBytes: 32 << 20 }).catch(() => {}); // its engine dies
  while (world.kernel.disk.get(`${state('kept')}/update.json`) === undefined) await world.scheduler.step();
  world.killEngine(first);
  const pathOf = ([name, file]: Record): string => {
    if (file === 'session') return `${state(name)}/session-${session.id}.json`;
    const isLasting = file === 'termination.json' || (file === 'config.json' && name !== 'passing');
    return `${isLasting ? directory(name) : state(name)}/${file}`;
  };
  return { world, uids, pathOf };
}

/** That all but one container are as if nothing had been. */
async function checkOthers({ world, uids }: Left, [damaged]: Record, life: Life): Promise<Engine> {
  const engine = await world.until(life.engine);
  await world.quiesce(5_000);
  for (const [name, uid] of uids) {
    if (name === damaged) continue;
    const status = await engine.status(uid);
    expect([name, status.state]).toEqual([name, name === 'ended' ? 'terminated' : 'running']);
    if (name === 'ended')
      expect(status.termination?.exitStatus).toEqual({ kind: 'signaled', signal: 9, coreDumped: false });
  }
  const { status } = await world.until(engine.launch(config(RUNS, { name: 'later' })));
  expect(status.state).toBe('running');
  return engine;
}

test.each(RECORDS.flatMap((record) => Object.keys(DAMAGES).map((damage) => [record, damage] as const)))(
  'with %s that %s the engine opens, tells it, and has all other containers',
  async (record, damage) => {
    const left = await leave();
    const path = left.pathOf(record);
    const { disk } = left.world.kernel;
    disk.write(path, DAMAGES[damage]?.(disk.read(path)) ?? '');
    const life = left.world.boot();
    await checkOthers(left, record, life);
    expect(life.problems).toContainEqual(expect.objectContaining({ what: expect.stringContaining(path) }));
  },
);

test.each(RECORDS)(
  'with a directory in place of %s %s the engine opens, tells it, and has all others',
  async (...record) => {
    const left = await leave();
    const path = left.pathOf(record);
    left.world.kernel.disk.removeFile(path);
    left.world.kernel.disk.makeDirectory(path);
    const life = left.world.boot();
    await checkOthers(left, record, life);
    expect(life.problems).toContainEqual(expect.objectContaining({ what: expect.stringContaining(path) }));
  },
);

test.each(RECORDS)(
  'with %s %s that cannot be read the engine opens, tells it, and has all others',
  async (...record) => {
    let unreadable = '';
    const left = await leave((effects) => ({
      ...effects,
      files: {
        ...effects.files,
        readText: (path) =>
          path === unreadable ? Promise.reject(systemError('EIO', path)) : effects.files.readText(path),
      },
    }));
    unreadable = left.pathOf(record);
    const life = left.world.boot();
    await checkOthers(left, record, life);
    expect(life.problems).toContainEqual(expect.objectContaining({ what: expect.stringContaining(unreadable) }));
  },
);

test('a container whose record of its end is damaged is kept, as lost, and can be removed', async () => {
  const left = await leave();
  const record = ['ended', 'termination.json'] as const;
  left.world.kernel.disk.write(left.pathOf(record), '{');
  const engine = await checkOthers(left, record, left.world.boot());
  expect((await engine.status('ended')).termination).toMatchObject({
    reason: 'lost',
    message: 'it has ended, and the record of its end cannot be read',
  });
  await left.world.until(engine.remove('ended'));
  expect(left.world.kernel.disk.below(`${WORLD.rootDir}/containers/${left.uids.get('ended')}`)).toEqual([]);
});

test('a directory in the place of the record of an end is set aside, and the end is recorded anew', async () => {
  const left = await leave();
  const path = left.pathOf(['ended', 'termination.json']);
  const { disk } = left.world.kernel;
  disk.removeFile(path);
  disk.makeDirectory(path);
  const life = left.world.boot();
  const engine = await left.world.until(life.engine);
  await left.world.quiesce(5_000);
  expect(life.problems.filter(({ what }) => what.includes('tried again'))).toEqual([]);
  expect(JSON.parse(disk.read(path))).toMatchObject({ termination: { reason: 'lost' } });
  expect(disk.isDirectory(`${path}.aside`)).toBe(true);
  await left.world.until(engine.remove('ended'));
  expect(disk.below(`${WORLD.rootDir}/containers/${left.uids.get('ended')}`)).toEqual([]);
});

test('a directory in the place of the note of an update hinders no further one', async () => {
  const left = await leave();
  const path = left.pathOf(['kept', 'update.json']);
  const { disk } = left.world.kernel;
  disk.removeFile(path);
  disk.makeDirectory(path);
  const engine = await left.world.until(left.world.boot().engine);
  await left.world.until(engine.update('kept', { memoryLimitBytes: 48 << 20 }));
  expect((await engine.status('kept')).config.resources).toMatchObject({ memoryLimitBytes: 48 << 20 });
});

test('a container whose plan is damaged is ended, for nobody can reach its monitor any more', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const left = await leave(undefined, seed);
    const record = ['kept', 'plan.json'] as const;
    left.world.kernel.disk.write(left.pathOf(record), '{');
    const engine = await checkOthers(left, record, left.world.boot());
    const { state, termination } = await engine.status('kept');
    const killed = { kind: 'signaled', signal: 9, coreDumped: false };
    expect([seed, state, termination?.exitStatus]).toEqual([seed, 'terminated', killed]);
  }
});

test('one whose plan is damaged and whose monitor is gone with its fork server is lost, after a bounded wait', async () => {
  const left = await leave();
  const record = ['kept', 'plan.json'] as const;
  const { world } = left;
  world.kernel.disk.write(left.pathOf(record), '{');
  world.killForkServer();
  for (const monitor of world.kernel.monitors) if (left.pathOf(record).includes(monitor.uid)) monitor.kill();
  const before = world.scheduler.nowMs;
  const engine = await world.until(world.boot().engine);
  expect((await engine.status('kept')).termination?.exitStatus).toEqual({ kind: 'lost' });
  expect(world.scheduler.nowMs - before).toBeLessThan(5_000);
});

test('whatever value stands in whatever field of a record, the others are not harmed', async () => {
  const places = fc.tuple(fc.constantFrom(...RECORDS), fc.nat(60), fc.jsonValue({ maxDepth: 2 }));
  await fc.assert(
    fc.asyncProperty(places, async ([record, field, value]) => {
      const left = await leave();
      const path = left.pathOf(record);
      const { disk } = left.world.kernel;
      disk.write(path, JSON.stringify(withField(JSON.parse(disk.read(path)), field, value)));
      await checkOthers(left, record, left.world.boot());
    }),
    { numRuns: 60 },
  );
});

/** The same with another value in one of its fields, counted through all levels; nothing when there are fewer. */
function withField(root: unknown, number: number, value: unknown): unknown {
  let left = number;
  const visit = (at: unknown): unknown => {
    if (typeof at !== 'object' || at === null) return at;
    const entries = Object.entries(at).map(([name, inner]) => {
      left -= 1;
      return [name, left === -1 ? value : visit(inner)] as const;
    });
    return Array.isArray(at) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
  };
  return visit(root);
}
