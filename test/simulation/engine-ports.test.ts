import { expect, test } from 'vitest';
import type { Engine } from '../../src/engine/facade.ts';
import type { ContainerConfig } from '../../src/model/container-config.ts';
import type { HealthRequest } from '../../src/model/health.ts';
import { PORTS } from './fake-ports.ts';
import { config, type Life, World } from './world.ts';

const RUNS = { kind: 'runs' } as const;
const OFTEN: HealthRequest = { intervalMs: 1_000, timeoutMs: 500, retries: 2 };
const http = (port: number) => ({ http: { port, path: '/' } });

async function running(
  seed: number,
  changes: Partial<ContainerConfig>,
): Promise<{ readonly world: World; readonly engine: Engine; readonly life: Life }> {
  const world = new World(seed);
  const life = world.boot();
  const engine = await world.until(life.engine);
  await world.until(engine.launch(config(RUNS, { name: 'one', ...changes })));
  return { world, engine, life };
}

test.each([
  [http(PORTS.well), 'healthy', 'HTTP/1.1 204', 204],
  [http(PORTS.ill), 'unhealthy', 'not yet', 503],
  [http(PORTS.hangs), 'unhealthy', 'took longer than 500 ms', undefined],
  [http(PORTS.tcp), 'unhealthy', 'it answered nothing', undefined],
  [http(7), 'unhealthy', 'nobody listens (ECONNREFUSED)', undefined],
  [{ tcp: { port: PORTS.tcp } }, 'healthy', '', undefined],
  [{ tcp: { port: PORTS.second } }, 'healthy', '', undefined],
  [{ tcp: { port: PORTS.hangs } }, 'unhealthy', 'took longer than 500 ms', undefined],
  [{ tcp: { port: 7 } }, 'unhealthy', 'nobody listens', undefined],
] as const)('what %j finds is %s', async (check, status, output, httpStatus) => {
  const { world, engine } = await running(201, { health: { ...OFTEN, check } });
  await world.quiesce(5_000);
  const { health } = await engine.status('one');
  expect(health).toMatchObject({ status });
  expect(health?.probes[0]?.output).toContain(output);
  expect(health?.probes[0]?.httpStatus).toBe(httpStatus);
  expect(health?.probes[0]?.exitCode).toBe(undefined);
});

test('one that is not ready is not started again, and both changes are events', async () => {
  const readiness = { ...OFTEN, check: http(PORTS.well) };
  const { world, engine } = await running(202, { readiness, restart: { kind: 'always' } });
  expect((await engine.status('one')).readiness).toMatchObject({ isReady: false, probes: [] });
  await world.quiesce(1_500);
  expect((await engine.status('one')).readiness).toMatchObject({ isReady: true });
  await world.until(engine.pause('one'));
  await world.quiesce(5_000);
  expect((await engine.status('one')).readiness).toMatchObject({ isReady: true });
  const told: (boolean | undefined)[] = [];
  const query = { sinceMs: 0, untilMs: world.scheduler.nowMs, kinds: ['readiness'] };
  for await (const event of engine.events(new AbortController().signal, query)) {
    if (event.subject === 'container') told.push(event.isReady);
  }
  expect(told).toEqual([true]);
});

test('one whose readiness fails stays as it is', async () => {
  const { world, engine } = await running(203, { readiness: { ...OFTEN, check: http(PORTS.ill) } });
  await world.quiesce(5_000);
  const { state, readiness, health, restart } = await engine.status('one');
  expect(readiness).toMatchObject({ isReady: false });
  expect(readiness?.failingStreak).toBeGreaterThan(2);
  expect([state, health, restart.count]).toEqual(['running', undefined, 0]);
});

test('checks by connection go on with the next engine, from how it was', async () => {
  const changes = { health: { ...OFTEN, check: http(PORTS.well) }, readiness: { ...OFTEN, check: http(PORTS.well) } };
  const { world, life } = await running(204, changes);
  await world.quiesce(2_500);
  world.killEngine(life);
  const next = await world.until(world.boot().engine);
  await world.quiesce(1);
  expect(await next.status('one')).toMatchObject({ health: { status: 'healthy' }, readiness: { isReady: true } });
  const before = world.kernel.triedPorts;
  await world.quiesce(2_500);
  expect(world.kernel.triedPorts).toBeGreaterThan(before + 1);
});

test('an end of the helper fails a probe, and the next one finds another helper', async () => {
  const { world, engine } = await running(205, {
    health: { ...OFTEN, retries: 1, check: { tcp: { port: PORTS.hangs } } },
  });
  await world.quiesce(1_200);
  world.killForkServer();
  await world.quiesce(10_000);
  const { health } = await engine.status('one');
  expect(health?.probes.length).toBe(5);
});

test('a container has its checks in its next life, too', async () => {
  const changes = {
    health: { ...OFTEN, check: http(PORTS.ill), onFailure: 'kill' },
    restart: { kind: 'always' },
  } as const;
  const { world, engine } = await running(206, changes);
  await world.quiesce(6_000);
  expect((await engine.status('one')).restart.count).toBeGreaterThan(1);
});
