import { expect, test } from 'vitest';
import type { Engine } from '../../src/engine/facade.ts';
import type { ExecConfig } from '../../src/model/container-config.ts';
import { withFiles } from './planted-faults.ts';
import { settled } from './scheduler.ts';
import { type Behaviour, commandOf } from './workload.ts';
import { config, type Life, type Sabotage, World } from './world.ts';

const RUNS = { kind: 'runs' } as const;
const KEY = { requestKey: 'one' };
const FIVE_MINUTES_MS = 5 * 60_000;

interface Opened {
  readonly world: World;
  readonly life: Life;
  readonly engine: Engine;
}

async function opened(seed: number, sabotage?: Sabotage): Promise<Opened> {
  const world = new World(seed, sabotage);
  const life = world.boot();
  return { world, life, engine: await world.until(life.engine) };
}

/** The engine that follows one that is killed. */
async function following({ world, life }: Opened): Promise<Engine> {
  world.killEngine(life);
  const next = await world.until(world.boot().engine);
  await world.quiesce(1_000);
  return next;
}

test('an engine killed at any moment of a launch: who asks again, with the same key, has one container', async () => {
  const met = new Set<number>();
  for (let after = 0; after < 70; after++) {
    const first = await opened(500 + after);
    const { world } = first;
    first.engine.launch(config(RUNS), undefined, KEY).catch(() => {});
    for (let step = 0; step < after; step++) await world.scheduler.step();
    const next = await following(first);
    met.add((await next.list()).length);
    const { status } = await world.until(next.launch(config(RUNS), undefined, KEY));
    expect((await next.list()).map(({ uid, state }) => [uid, state])).toEqual([[status.uid, 'running']]);
    expect(world.kernel.processes.size).toBe(1);
  }
  expect(met).toEqual(new Set([0, 1]));
});

test.each([
  ['another key', config(RUNS), { requestKey: 'two' }, 0],
  ['the same key for another container', config(RUNS, { labels: { a: 'b' } }), KEY, 0],
  ['the same key much later', config(RUNS), KEY, FIVE_MINUTES_MS],
])('%s is another launch', async (_, wanted, how, laterMs) => {
  const first = await opened(571);
  await first.world.until(first.engine.launch(config(RUNS), undefined, KEY));
  first.world.scheduler.after(laterMs, () => {});
  await first.world.quiesce(laterMs);
  const next = await following(first);
  await first.world.until(next.launch(wanted, undefined, how));
  expect(await next.list()).toHaveLength(2);
});

test('who is to own the streams gets another ticket for them', async () => {
  const first = await opened(572);
  const wanted = config(RUNS, { owned: true });
  await first.world.until(first.engine.launch(wanted, undefined, KEY));
  const next = await following(first);
  const { stream } = await first.world.until(next.launch(wanted, undefined, KEY));
  expect(stream?.ticket).toMatch(/^[0-9a-f]{32}$/);
});

test('what went with its end is not launched again, and its end can be asked for', async () => {
  const first = await opened(573);
  const wanted = config({ kind: 'exits', code: 3, afterMs: 20 }, { autoRemove: true });
  const { status } = await first.world.until(first.engine.launch(wanted, undefined, KEY));
  const next = await following(first);
  await expect(first.world.until(next.launch(wanted, undefined, KEY))).rejects.toMatchObject({
    code: 'engine.launchedBefore',
    details: { uid: status.uid },
  });
  expect(await next.wait(status.uid)).toMatchObject({ exitStatus: { kind: 'exited', code: 3 } });
});

test('a session that was asked for twice, of an engine and of the one after it, is one', async () => {
  const first = await opened(574);
  const { world } = first;
  const { status } = await world.until(first.engine.launch(config(RUNS, { name: 'web' })));
  const command = commandOf(RUNS);
  const exec: ExecConfig = { container: status.uid, command, env: [], terminal: false, stdin: false, owned: true };
  const { id, pid } = await world.until(first.engine.exec(exec, KEY));
  const next = await following(first);
  expect(await world.until(next.exec(exec, KEY))).toMatchObject({ id, pid, stream: { ticket: expect.any(String) } });
  expect(world.kernel.processes.size).toBe(2);
  const other = await world.until(next.exec(exec, { requestKey: 'two' }));
  expect(other.id).not.toBe(id);
});

/** A further life that a request asks for. */
interface Asked {
  readonly changes?: Parameters<typeof config>[1];
  readonly behaviour?: Behaviour;
  readonly isEnded?: boolean;
  readonly ask: (engine: Engine) => Promise<{ readonly status: { readonly uid: string } }>;
}

/** @returns false when nothing is left to do before so many */
async function steps({ scheduler }: World, count: number): Promise<boolean> {
  const endMs = scheduler.nowMs + 1_000;
  for (let step = 0; step < count; step++) {
    if (!scheduler.hasWorkUntil(endMs)) await settled();
    if (!scheduler.hasWorkUntil(endMs)) return false;
    await scheduler.step();
  }
  return true;
}

const restart = (engine: Engine) => engine.lives.restart('web', 50, KEY);
const start = (engine: Engine) => engine.lives.start('web', KEY);

test.each<readonly [string, Asked]>([
  ['a restart', { ask: restart }],
  ['a restart of one with a policy', { ask: restart, changes: { restart: { kind: 'always' } } }],
  ['a restart of one that stops by force alone', { ask: restart, behaviour: { kind: 'stubborn' } }],
  ['a restart of one that has ended', { ask: restart, isEnded: true }],
  ['a start', { ask: start, isEnded: true }],
  [
    'a start of one that ends at once',
    { ask: start, isEnded: true, behaviour: { kind: 'exits', code: 0, afterMs: 1 } },
  ],
  ['a start of one with a policy', { ask: start, isEnded: true, changes: { restart: { kind: 'unless-stopped' } } }],
])(
  'an engine killed at any moment of %s: who asks again, with the same key, has one more life of it',
  async (_, { ask, changes, behaviour = RUNS, isEnded = false }) => {
    const met = new Set<number>();
    for (let after = 0, isOver = false; !isOver; after++) {
      const first = await opened(600 + after);
      const { world } = first;
      const { status } = await world.until(first.engine.launch(config(behaviour, { name: 'web', ...changes })));
      if (isEnded) await world.until(first.engine.stop('web', 0));
      await world.quiesce(1_000);
      ask(first.engine).catch(() => {});
      isOver = !(await steps(world, after));
      const next = await following(first);
      const lives = (): number => world.scheduler.trace.filter((line) => line.includes(`exec (${status.uid})`)).length;
      met.add(lives());
      expect((await world.until(ask(next))).status.uid).toBe(status.uid);
      await world.quiesce(1_000);
      expect([after, lives()]).toEqual([after, 2]);
      await world.until(ask(next));
      expect([after, lives()]).toEqual([after, 2]);
      const other = { requestKey: 'two' };
      await world.until(next.lives.restart('web', 50, other));
      expect([after, lives()]).toEqual([after, 3]);
    }
    expect(met).toEqual(new Set([1, 2]));
  },
  60_000,
);

test('an engine that does not note for which request a life was begun would begin another', async () => {
  const forgets = withFiles((files) => ({
    writeAtomic: (path, content, options) =>
      files.writeAtomic(path, String(content).replace(/"begunFor":\[[^\]]*\]/g, '"begunFor":[]'), options),
  }));
  const first = await opened(576, forgets);
  const { world } = first;
  await world.until(first.engine.launch(config(RUNS, { name: 'web' })));
  const { status } = await world.until(restart(first.engine));
  const next = await following(first);
  expect((await world.until(restart(next))).status.pid).not.toBe(status.pid);
});

test('who is to own the streams of a further life gets another ticket for them', async () => {
  const first = await opened(575);
  const { world } = first;
  await world.until(first.engine.launch(config(RUNS, { name: 'web' })));
  await world.until(first.engine.stop('web', 0));
  await world.quiesce(1_000);
  const how = { owned: true, ...KEY };
  const { status } = await world.until(first.engine.lives.start('web', how));
  const next = await following(first);
  const again = await world.until(next.lives.start('web', how));
  expect(again).toMatchObject({ status: { pid: status.pid }, stream: { ticket: expect.any(String) } });
});

test('an engine killed at any moment of an update: who asks again changes nothing that is done, and what others made of it stays', async () => {
  const [OLD, WANTED, OTHERS] = [64 << 20, 32 << 20, 16 << 20];
  const met = new Set<number | undefined>();
  for (let after = 0; after < 40; after++) {
    const first = await opened(800 + after);
    const { world } = first;
    await world.until(first.engine.launch(config(RUNS, { name: 'web', resources: { memoryLimitBytes: OLD } })));
    const ask = (engine: Engine) => engine.update('web', { memoryLimitBytes: WANTED }, {}, KEY);
    const limitOf = async (engine: Engine) => (await engine.status('web')).config.resources.memoryLimitBytes;
    ask(first.engine).catch(() => {});
    for (let step = 0; step < after; step++) await world.scheduler.step();
    const next = await following(first);
    const found = await limitOf(next);
    met.add(found);
    if (found === WANTED)
      await world.until(next.update('web', { memoryLimitBytes: OTHERS }, {}, { requestKey: 'two' }));
    await world.until(ask(next));
    expect([after, await limitOf(next)]).toEqual([after, found === WANTED ? OTHERS : WANTED]);
  }
  expect(met).toEqual(new Set([OLD, WANTED]));
});
