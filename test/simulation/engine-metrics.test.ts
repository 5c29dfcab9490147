import { expect, test } from 'vitest';
import type { Engine } from '../../src/engine/facade.ts';
import { config, World } from './world.ts';

const RUNS = { kind: 'runs' } as const;
const EXITS = { kind: 'exits', code: 0, afterMs: 0 } as const;

/** A metric's samples by the values of their labels; of a histogram its count. */
function samplesOf(engine: Engine, name: string): Record<string, number> {
  const family = engine.diagnostics.metrics().find((metric) => metric.name === name);
  if (family === undefined) throw new Error(`no metric ${name}`);
  const shown = family.samples.filter(({ suffix }) => suffix === (family.kind === 'histogram' ? '_count' : ''));
  return Object.fromEntries(shown.map(({ labels, value }) => [labels.map(([, word]) => word).join(' '), value]));
}

test('launches are counted by outcome, ends and removals by reason, and what they took is measured', async () => {
  const world = new World(61);
  const engine = await world.until(world.boot().engine);
  await world.until(engine.launch(config(EXITS, { name: 'exits' })));
  await world.until(engine.launch(config(EXITS, { name: 'passing', autoRemove: true })));
  await world.until(engine.launch(config(RUNS, { name: 'runs' })));
  await expect(world.until(engine.launch(config({ kind: 'missing' })))).rejects.toMatchObject({ kind: 'not-found' });
  await world.until(engine.wait('exits'));
  await world.quiesce(1_000);
  await world.until(engine.remove('exits'));
  await world.until(engine.destroy('runs'));
  expect(samplesOf(engine, 'isopod_launches_total')).toMatchObject({ ok: 3, 'not-found': 1, internal: 0 });
  expect(samplesOf(engine, 'isopod_launch_duration_seconds')).toEqual({ '': 3 });
  expect(samplesOf(engine, 'isopod_launch_phase_duration_seconds')).toMatchObject({ image: 3, started: 3 });
  expect(samplesOf(engine, 'isopod_container_ends_total')).toMatchObject({ exited: 2, killed: 1, lost: 0 });
  expect(samplesOf(engine, 'isopod_destroys_total')).toEqual({ asked: 2, ended: 1, 'launch-failed': 1, orphaned: 0 });
  expect(samplesOf(engine, 'isopod_destroy_duration_seconds')).toEqual({ '': 3 });
});

test('containers are told by state, and monitors and sessions as many as there are', async () => {
  const world = new World(62);
  const engine = await world.until(world.boot().engine);
  await world.until(engine.launch(config(EXITS, { name: 'exits' })));
  const { status } = await world.until(engine.launch(config(RUNS, { name: 'one' })));
  await world.until(engine.launch(config(RUNS, { name: 'two' })));
  await world.until(engine.pause('two'));
  const exec = { container: status.uid, command: ['runs'], env: [], terminal: false, stdin: false, owned: false };
  await world.until(engine.exec(exec));
  await world.until(engine.wait('exits'));
  expect(samplesOf(engine, 'isopod_containers')).toMatchObject({ running: 1, paused: 1, terminated: 1, prepared: 0 });
  expect(samplesOf(engine, 'isopod_sessions')).toEqual({ '': 1 });
  expect(samplesOf(engine, 'isopod_monitors')).toEqual({ '': 3 });
});

test('what an engine finds at its start is counted by what became of it', async () => {
  const world = new World(63);
  const first = world.boot();
  const engine = await world.until(first.engine);
  await world.until(engine.launch(config(RUNS, { name: 'one' })));
  await world.until(engine.launch(config(EXITS, { name: 'two' })));
  await world.until(engine.wait('two'));
  await world.quiesce(1_000);
  world.killEngine(first);
  const second = await world.until(world.boot().engine);
  expect(samplesOf(second, 'isopod_recoveries_total')).toMatchObject({ reconnect: 1, terminated: 1, failed: 0 });
});

test('an end that nobody saw because the host went down is counted as lost', async () => {
  const world = new World(64);
  const first = world.boot();
  await world.until((await world.until(first.engine)).launch(config(RUNS, { name: 'one' })));
  world.powerCut(first);
  const second = await world.until(world.boot().engine);
  expect(samplesOf(second, 'isopod_recoveries_total')).toMatchObject({ rebooted: 1 });
  expect(samplesOf(second, 'isopod_container_ends_total')).toMatchObject({ lost: 1 });
});
