import { expect, test } from 'vitest';
import { untilAborted } from '../../src/base/deadline.ts';
import type { Engine } from '../../src/engine/facade.ts';
import { testImages } from '../../src/image/images.fixture.ts';
import type { PullOptions } from '../../src/image/images.ts';
import type { Isolator } from '../../src/isolators/isolator.ts';
import { config, World } from './world.ts';

const RUNS = { kind: 'runs' } as const;
const EXITS = { kind: 'exits', code: 0, afterMs: 0 } as const;
const BASE: readonly Isolator[] = [
  {
    name: 'filesystem/linux',
    requires: [],
    plan: ({ rootfs }) => ({ namespaces: ['mount'], ...(rootfs && { rootfs }) }),
  },
  { name: 'runtime/image', requires: [], plan: (input) => ({ command: input.config.command ?? [] }) },
];
const never = (): Promise<never> => new Promise(() => {});

/** An engine with an isolator `test/own` that has these hooks. */
async function engineWith(seed: number, hooks: Partial<Isolator>) {
  const world = new World(seed);
  const isolators: readonly Isolator[] = [...BASE, { name: 'test/own', requires: [], plan: () => ({}), ...hooks }];
  const life = world.boot({ isolators, permittedIsolators: isolators.map(({ name }) => name) });
  return { world, life, engine: await world.until(life.engine) };
}

/** Lets things happen until an operation waits for this. */
async function untilWaitsFor(world: World, engine: Engine, what: string) {
  for (let step = 0; step < 2_000; step += 1) {
    const found = engine.diagnostics.operations().find(({ steps }) => steps.some((one) => one.what === what));
    if (found !== undefined) return found;
    await world.scheduler.step();
  }
  throw new Error(`nothing waits for ${what}: ${JSON.stringify(engine.diagnostics.operations())}`);
}

test('a launch whose isolator hangs shows what it waits for, and fails by its deadline with nothing left', async () => {
  const { world, engine } = await engineWith(71, { prepare: never });
  const launching = engine.launch(config(RUNS, { name: 'one' }));
  launching.catch(() => {});
  const operation = await untilWaitsFor(world, engine, 'preparation of test/own');
  expect(operation).toMatchObject({ kind: 'launch', subject: 'one', isCancellable: true });
  const whole = operation.steps.find(({ what }) => what === 'preparing the isolators');
  expect((whole?.deadlineAtMs ?? 0) - (whole?.sinceMs ?? 0)).toBe(10_000);
  await expect(world.until(launching)).rejects.toMatchObject({ code: 'engine.overdue' });
  expect(await engine.list()).toEqual([]);
  expect(engine.diagnostics.operations().filter(({ kind }) => kind === 'launch')).toEqual([]);
});

test('a launch that hangs is given up when it is cancelled, and leaves nothing, the name included', async () => {
  const { world, engine } = await engineWith(72, { started: never });
  const launching = engine.launch(config(RUNS, { name: 'one' }));
  launching.catch(() => {});
  const { id } = await untilWaitsFor(world, engine, 'what test/own does after the start');
  const beganMs = world.scheduler.nowMs;
  engine.diagnostics.cancel(id);
  await expect(world.until(launching)).rejects.toMatchObject({
    kind: 'cancelled',
    details: { id, operation: 'launch' },
  });
  expect(world.scheduler.nowMs - beganMs).toBeLessThan(60_000);
  expect(await engine.list()).toEqual([]);
});

test.each([
  ['usage', 'usage of test/own', (engine: Engine) => engine.usage('one')],
  ['update', 'update of test/own', (engine: Engine) => engine.update('one', { pidsLimit: 5 })],
] as const)('a hook %s that hangs shows, and its call fails by its deadline', async (hook, what, call) => {
  const serves = { name: 'cgroups/pids' };
  const { world, engine } = await engineWith(73, { ...(hook === 'update' && serves), [hook]: never });
  await world.until(engine.launch(config(RUNS, { name: 'one' })));
  const calling = call(engine) as Promise<unknown>;
  calling.catch(() => {});
  const shown = hook === 'update' ? 'update of cgroups/pids' : what;
  expect(await untilWaitsFor(world, engine, shown)).toMatchObject({ kind: hook, isCancellable: false });
  await expect(world.until(calling)).rejects.toMatchObject({ code: 'engine.overdue' });
});

test('a question at the end that hangs shows, and holds the end up no longer than its deadline', async () => {
  const { world, engine } = await engineWith(74, { limitation: never });
  await world.until(engine.launch(config(EXITS, { name: 'one' })));
  expect(await untilWaitsFor(world, engine, 'limitation of test/own')).toMatchObject({ kind: 'end' });
  expect(await world.until(engine.wait('one'))).toMatchObject({ reason: 'exited' });
});

test('a destroy that fails is tried again with growing pauses until it is done, shows, and cannot be cancelled', async () => {
  let failures = 0;
  const cleanup = async (): Promise<void> => {
    failures += 1;
    if (failures <= 4) throw new Error('busy');
  };
  const { world, life, engine } = await engineWith(75, { cleanup });
  await world.until(engine.launch(config(RUNS, { name: 'one' })));
  await expect(world.until(engine.destroy('one'))).rejects.toThrow('busy');
  const pending = engine.diagnostics.operations().filter(({ kind }) => kind === 'background');
  expect(pending.map(({ subject }) => subject)).toContain('destroy');
  expect(() => engine.diagnostics.cancel(pending[0]?.id ?? '')).toThrow(/tried until it is done/);
  await world.quiesce();
  expect(await engine.check('one')).toBeUndefined();
  expect(failures).toBeGreaterThan(4);
  expect(life.problems.map(({ what }) => what)).toContain('destroy: tried again in 1000 ms');
  const counted = engine.diagnostics.metrics().find(({ name }) => name === 'isopod_destroy_errors_total');
  expect(counted?.samples[0]?.value).toBeGreaterThanOrEqual(4);
  expect(engine.diagnostics.operations()).toEqual([]);
});

test('a destroy that is asked for again while it is tried is not tried twice over', async () => {
  let attempts = 0;
  const { world, engine } = await engineWith(76, {
    cleanup: async () => {
      attempts += 1;
      if (attempts <= 6) throw new Error('busy');
    },
  });
  await world.until(engine.launch(config(RUNS, { name: 'one' })));
  for (let n = 0; n < 3; n += 1) await world.until(engine.destroy('one')).catch(() => {});
  const tried = engine.diagnostics.operations().filter(({ subject }) => subject === 'destroy');
  expect(tried.length).toBeLessThanOrEqual(1);
  await world.quiesce();
  expect(await engine.check('one')).toBeUndefined();
});

test('a pull shows how far it is, and ends when it is cancelled', async () => {
  const world = new World(77);
  const engine = await world.until(
    world.boot({
      images: testImages({
        pull: (_, options = {}) => {
          options.onProgress?.({ kind: 'resolved', reference: 'x', layers: [] });
          return new Promise((_resolve, reject) => {
            options.signal?.addEventListener('abort', () => reject(options.signal?.reason));
          });
        },
      }),
    }).engine,
  );
  const pulling = engine.pullImage('registry.example/x', {});
  const [operation] = engine.diagnostics.operations();
  expect(operation).toMatchObject({
    kind: 'pull',
    subject: 'registry.example/x',
    note: '0 layers',
    isCancellable: true,
    steps: [{ what: 'its registry', deadlineAtMs: world.scheduler.nowMs + 60_000 }],
  });
  engine.diagnostics.cancel(operation?.id ?? '');
  await expect(pulling).rejects.toMatchObject({ kind: 'cancelled' });
});

test('a launch whose image comes slowly shows until when its registry is waited for, which moves with what comes', async () => {
  const world = new World(78);
  let heard: NonNullable<PullOptions['onProgress']> = () => {};
  const pull = (_: string, { signal, onProgress }: PullOptions = {}): Promise<never> => {
    heard = onProgress ?? heard;
    return untilAborted(never(), ...(signal === undefined ? [] : [signal]));
  };
  const engine = await world.until(world.boot({ images: testImages({ pull }) }).engine);
  const launching = engine.launch(config(RUNS, { name: 'one' }));
  launching.catch(() => {});
  const shown = async (): Promise<number> => {
    const { steps } = await untilWaitsFor(world, engine, 'its image');
    return (steps.find(({ what }) => what === 'its image')?.deadlineAtMs ?? 0) - world.scheduler.nowMs;
  };
  await world.quiesce(1_000);
  expect(await shown()).toBeGreaterThan(0);
  expect(await shown()).toBeLessThanOrEqual(60_000);
  heard({ kind: 'resolved', reference: 'image', layers: [] });
  expect(await shown()).toBe(60_000);
  heard({ kind: 'retry', reason: 'silence', delayMs: 500, attempt: 2, attempts: 2 });
  expect(await shown()).toBe(60_500);
  await world.until(engine.stop('one'));
});
