import { expect, test } from 'vitest';
import { OLDEST_MONITOR_VERSION, PROTOCOL_VERSION } from '../../src/model/wire.ts';
import { config, type Life, World } from './world.ts';

const RUNS = { kind: 'runs' } as const;
const SIGKILL = 9;

/** Containers that run under monitors of these versions when an engine of ours starts, named after them. */
async function takenOver(world: World, versions: readonly number[]): Promise<Life> {
  const first = world.boot();
  const engine = await world.until(first.engine);
  const uids = new Map<string, number>();
  for (const version of versions) {
    const { status } = await world.until(engine.launch(config(RUNS, { name: `version-${version}` })));
    uids.set(status.uid, version);
  }
  await world.quiesce(100);
  world.killEngine(first);
  for (const monitor of world.kernel.monitors) monitor.version = uids.get(monitor.uid) ?? PROTOCOL_VERSION;
  return world.boot();
}

const OTHERS = [OLDEST_MONITOR_VERSION - 1, PROTOCOL_VERSION + 1, PROTOCOL_VERSION + 50];

test('containers of every version run on, and those of a version that the engine does not speak are reported', async () => {
  const world = new World(61);
  const life = await takenOver(world, [OLDEST_MONITOR_VERSION, PROTOCOL_VERSION, ...OTHERS]);
  const engine = await world.until(life.engine);
  expect((await engine.list()).map(({ state }) => state)).toEqual(Array(5).fill('running'));
  expect(world.kernel.processes.size).toBe(5);
  const told = life.problems.map(({ what, error }) => [what, (error as { code: string }).code]);
  expect(told).toEqual(OTHERS.map(() => ['its monitor is of another version', 'launcher.monitorVersion']));
});

test.each(OTHERS)(
  'a container whose monitor speaks version %i is killed and waited for, and harms no other',
  async (version) => {
    const world = new World(62);
    const life = await takenOver(world, [PROTOCOL_VERSION, version]);
    const engine = await world.until(life.engine);
    const name = `version-${version}`;
    await expect(engine.attach(name)).rejects.toMatchObject({ code: 'launcher.monitorVersion' });
    await world.until(engine.kill(name, SIGKILL));
    const { exitStatus } = await world.until(engine.wait(name));
    expect(exitStatus).toMatchObject({ kind: 'signaled', signal: SIGKILL });
    expect((await engine.status(`version-${PROTOCOL_VERSION}`)).state).toBe('running');
    await world.until(engine.attach(`version-${PROTOCOL_VERSION}`));
  },
);
