import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EngineHost, parentOf } from './support/engine-host.ts';
import { isAlive, until } from './support/helper-client.ts';
import { shellConfig } from './support/shell-config.ts';

let host: EngineHost;
beforeEach(() => {
  host = new EngineHost();
});
afterEach(() => host.close());

test('an engine killed with ten containers is followed by one that knows all ten, their ends and their logs', async () => {
  const running = Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`runs-${n}`, 'exec sleep 100']));
  const ending = Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`ends-${n}`, `sleep 1; echo line ${n}; exit ${n}`]));
  await host.launchAndKill({ ...running, ...ending });
  await until('five have ended while there was no engine', () => host.notedEnds() === 5);
  const engine = await host.open();
  const list = await engine.list();
  expect(list.map(({ config }) => config.name).sort()).toEqual(
    [...Object.keys(ending), ...Object.keys(running)].sort(),
  );
  for (const { state, pid, config } of list.filter(({ config }) => config.name.startsWith('runs'))) {
    expect([config.name, state, isAlive(pid ?? 0)]).toEqual([config.name, 'running', true]);
  }
  for (const n of [1, 2, 3, 4, 5]) {
    expect((await engine.wait(`ends-${n}`)).exitStatus).toEqual({ kind: 'exited', code: n });
    const [log] = await engine.logs(`ends-${n}`);
    expect(readFileSync(log?.paths[0] ?? '', 'utf8')).toContain(` stdout F line ${n}\n`);
  }
  expect(host.problems).toEqual([]);
});

test('a container whose monitor is killed is killed too, and told as lost', async () => {
  const engine = await host.open();
  const { status } = await engine.launch(shellConfig('one', 'sleep 100 & exec sleep 100'));
  const pid = status.pid ?? 0;
  process.kill(parentOf(pid), 'SIGKILL');
  expect(await engine.wait('one')).toMatchObject({ exitStatus: { kind: 'lost' }, reason: 'lost' });
  await until('its processes are gone', () => !isAlive(pid));
});

test('with engine, fork server and monitor killed, the next engine ends the orphan and tells it as lost', async () => {
  await host.launchAndKill({ one: 'exec sleep 100', two: 'exec sleep 100' });
  const first = await host.open();
  const pid = (await first.status('one')).pid ?? 0;
  const monitor = parentOf(pid);
  await first.close();
  process.kill(host.forkServerPid(), 'SIGKILL');
  process.kill(monitor, 'SIGKILL');
  const engine = await host.open();
  expect(await engine.wait('one')).toMatchObject({ reason: 'lost' });
  await until('the orphan is gone', () => !isAlive(pid));
  expect((await engine.status('two')).state).toBe('running');
});

test('a fork server that is killed costs nothing: what runs goes on, and the next launch starts another', async () => {
  const engine = await host.open();
  await engine.launch(shellConfig('one', 'exec sleep 100'));
  const first = host.forkServerPid();
  process.kill(first, 'SIGKILL');
  await until('it is gone', () => !isAlive(first));
  // Its waiting workers die with it, perhaps later than the engine uses one: the launch then goes to another.
  await engine.launch(shellConfig('two', 'exec sleep 100'));
  expect(host.forkServerPid()).not.toBe(first);
  expect((await engine.list()).map(({ state }) => state)).toEqual(['running', 'running']);
  expect((await engine.stop('one', 0)).exitStatus).toMatchObject({ kind: 'signaled', signal: 9 });
});

test('a program that closes its engine ends by itself, and its container goes on', async () => {
  expect(await host.launchAndClose({ one: 'exec sleep 100' })).toBe(0);
  const engine = await host.open();
  expect((await engine.status('one')).state).toBe('running');
});
