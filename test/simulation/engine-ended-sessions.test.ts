import { expect, test } from 'vitest';
import type { Engine } from '../../src/engine/facade.ts';
import type { ContainerConfig } from '../../src/model/container-config.ts';
import { WORLD } from './fake-kernel.ts';
import { type Behaviour, commandOf } from './workload.ts';
import { config, World } from './world.ts';

const RUNS = { kind: 'runs' } as const;
const THREE = { kind: 'exits', code: 3, afterMs: 0 } as const;
const BY_THREE = { exitStatus: { kind: 'exited', code: 3 } };
const KEPT = 64;

async function running(seed: number, changes: Partial<ContainerConfig> = {}) {
  const world = new World(seed);
  const first = world.boot();
  const engine = await world.until(first.engine);
  const { status } = await world.until(engine.launch(config(RUNS, { name: 'one', ...changes })));
  const exec = (who: Engine, behaviour: Behaviour, how?: Parameters<Engine['exec']>[1]) => {
    const wanted = { container: status.uid, command: commandOf(behaviour), env: [] };
    return world.until(who.exec({ ...wanted, terminal: false, stdin: false, owned: false }, how));
  };
  const files = () => world.kernel.disk.below(`${WORLD.stateDir}/c`).filter((path) => path.includes('/session-'));
  return { world, first, engine, exec, files, uid: status.uid };
}

test('how a session ended is known to the engine that follows a killed one, by its id and by its name', async () => {
  const { world, first, engine, exec, uid } = await running(501);
  const { id } = await exec(engine, THREE, { name: 'check' });
  await world.until(engine.waitSession(id));
  world.killEngine(first);
  const next = await world.until(world.boot().engine);
  expect(await world.until(next.waitSession(id))).toMatchObject(BY_THREE);
  expect(await next.streams.endOf(uid, 'check')).toMatchObject(BY_THREE);
  expect(await next.streams.containerOf(id)).toBe(uid);
});

test('one whose name is freed is gone from the disk, too', async () => {
  const { world, first, engine, exec, files, uid } = await running(503);
  const { id } = await exec(engine, THREE, { name: 'check' });
  await world.until(engine.waitSession(id));
  await world.quiesce();
  await world.until(engine.streams.forgetEnd(uid, 'check'));
  expect(files()).toEqual([]);
  world.killEngine(first);
  const next = await world.until(world.boot().engine);
  expect(await next.streams.endOf(uid, 'check')).toBeUndefined();
});

test(`of the sessions of one container the last ${KEPT} that ended are kept`, async () => {
  const { world, engine, exec, files } = await running(504);
  const { id: oldest } = await exec(engine, THREE);
  await world.until(engine.waitSession(oldest));
  await world.quiesce(10);
  for (let count = 0; count < KEPT; count += 1) await world.until(engine.waitSession((await exec(engine, THREE)).id));
  await world.quiesce();
  expect(files().length).toBe(KEPT);
  expect(files().filter((path) => path.includes(oldest))).toEqual([]);
  await expect(engine.waitSession(oldest)).rejects.toMatchObject({ code: 'engine.unknownSession' });
});

test('they go with the end of their container', async () => {
  const { world, engine, exec, files, uid } = await running(505);
  await exec(engine, THREE, { name: 'check' });
  await exec(engine, RUNS);
  await world.until(engine.stop('one', 0));
  await world.quiesce();
  expect(files()).toEqual([]);
  expect(await engine.streams.endOf(uid, 'check')).toBeUndefined();
});

test('a health check leaves nothing', async () => {
  const command = commandOf({ kind: 'exits', code: 0, afterMs: 0 });
  const { world, engine, files } = await running(506, {
    health: { check: { command }, intervalMs: 1_000, timeoutMs: 500 },
  });
  await world.quiesce(5_000);
  expect((await engine.status('one')).health).toBeDefined();
  await world.until(engine.pause('one'));
  await world.quiesce(2_000);
  expect(files()).toEqual([]);
});
