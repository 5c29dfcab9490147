import { expect, test } from 'vitest';
import type { IsolatedContainer, UsageSubject } from '../../src/isolators/isolator.ts';
import { config, World } from './world.ts';

const RUNS = { kind: 'runs' } as const;
const EXITS = { kind: 'exits', code: 0, afterMs: 0 } as const;

async function engineOf(seed: number) {
  const world = new World(seed);
  return { world, engine: await world.until(world.boot().engine) };
}

test('a name in use is refused by naming its holder', async () => {
  const { world, engine } = await engineOf(31);
  const { status } = await world.until(engine.launch(config(RUNS, { name: 'one' })));
  const again = world.until(engine.launch(config(RUNS, { name: 'one' })));
  await expect(again).rejects.toMatchObject({ kind: 'already-exists', details: { uid: status.uid, state: 'running' } });
});

test('the name of a container that is just being removed is waited for', async () => {
  const { world, engine } = await engineOf(32);
  const first = await world.until(engine.launch(config(EXITS, { name: 'one', autoRemove: true })));
  await world.until(engine.wait('one'));
  const second = await world.until(engine.launch(config(RUNS, { name: 'one' })));
  expect(second.status.uid).not.toBe(first.status.uid);
});

test('the end of a container that is removed with it is still told to who asks by its uid', async () => {
  const { world, engine } = await engineOf(44);
  const { status } = await world.until(engine.launch(config(EXITS, { name: 'one', autoRemove: true })));
  await world.quiesce(1_000);
  expect(await engine.check(status.uid)).toBeUndefined();
  expect(await engine.wait(status.uid)).toMatchObject({ exitStatus: { kind: 'exited', code: 0 } });
});

test('an empty name is replaced by a generated one', async () => {
  const { world, engine } = await engineOf(33);
  const { status } = await world.until(engine.launch(config(RUNS)));
  expect(status.config.name).toMatch(/^[a-z]+_[a-z]+$/);
  expect((await engine.status(status.uid.slice(0, 6))).uid).toBe(status.uid);
});

test('a running container is not removed unless forced', async () => {
  const { world, engine } = await engineOf(34);
  await world.until(engine.launch(config(RUNS, { name: 'one' })));
  await expect(world.until(engine.remove('one'))).rejects.toMatchObject({ code: 'engine.stillRunning' });
  await world.until(engine.remove('one', { force: true }));
  expect(await engine.check('one')).toBeUndefined();
});

test('destroying what is not there is fine, everything else about it is not found', async () => {
  const { world, engine } = await engineOf(35);
  await world.until(engine.destroy('nobody'));
  await expect(engine.status('nobody')).rejects.toMatchObject({ kind: 'not-found' });
  await expect(engine.wait('nobody')).rejects.toMatchObject({ kind: 'not-found' });
  await expect(engine.kill('nobody', 15)).rejects.toMatchObject({ kind: 'not-found' });
  await expect(engine.waitSession('nobody')).rejects.toMatchObject({ kind: 'not-found' });
});

test('two stops are one, and a stop of what has ended tells how it ended', async () => {
  const { world, engine } = await engineOf(36);
  await world.until(engine.launch(config(RUNS, { name: 'one' })));
  const [a, b] = await world.until(Promise.all([engine.stop('one', 1_000), engine.stop('one', 0)]));
  expect(a).toEqual(b);
  expect(await world.until(engine.stop('one', 0))).toEqual(a);
});

test('what has ended takes no signal, no session and no attachment', async () => {
  const { world, engine } = await engineOf(37);
  const { status } = await world.until(engine.launch(config(EXITS, { name: 'one' })));
  await world.until(engine.wait('one'));
  const refused = { kind: 'failed-precondition' };
  await expect(world.until(engine.kill('one', 15))).rejects.toMatchObject(refused);
  await expect(world.until(engine.attach('one'))).rejects.toMatchObject(refused);
  await expect(world.until(engine.usage('one'))).rejects.toMatchObject(refused);
  const exec = { container: status.uid, command: ['runs'], env: [], terminal: false, stdin: false, owned: false };
  await expect(world.until(engine.exec(exec))).rejects.toMatchObject(refused);
});

test('an owner gets the ticket of the launch, an observer one of its own', async () => {
  const { world, engine } = await engineOf(38);
  const launched = await world.until(engine.launch(config(RUNS, { name: 'one', owned: true, stdin: true })));
  const observer = await world.until(engine.attach('one'));
  expect(launched.stream?.ticket).toMatch(/^[0-9a-f]{32}$/);
  expect(observer).toMatchObject({ socketPath: launched.stream?.socketPath, stdin: true, terminal: false });
  expect(observer.ticket).not.toBe(launched.stream?.ticket);
});

test('closing rejects waiters, lets containers go on, and refuses every later call', async () => {
  const { world, engine } = await engineOf(39);
  await world.until(engine.launch(config(RUNS, { name: 'one' })));
  const waiting = engine.wait('one');
  waiting.catch(() => {});
  await world.until(engine.close());
  await expect(waiting).rejects.toMatchObject({ code: 'engine.closed' });
  await expect(engine.list()).rejects.toMatchObject({ code: 'engine.closed' });
  await expect(engine.launch(config(RUNS))).rejects.toMatchObject({ code: 'engine.closed' });
  await world.quiesce();
  expect(world.kernel.processes.size).toBe(1);
  const next = await world.until(world.boot().engine);
  expect((await next.status('one')).state).toBe('running');
});

test('an engine is idle when nothing lives and nothing is left to clean', async () => {
  const { world, engine } = await engineOf(40);
  expect(engine.isIdle()).toBe(true);
  await world.until(engine.launch(config(RUNS, { name: 'one' })));
  expect(engine.isIdle()).toBe(false);
  await world.until(engine.stop('one', 0));
  expect(engine.isIdle()).toBe(false);
  await world.quiesce();
  expect(engine.isIdle()).toBe(true);
});

test('an image that may not be pulled and is not here is named', async () => {
  const { world, engine } = await engineOf(41);
  const wanted = config(RUNS, { name: 'one', rootfs: { kind: 'image', reference: 'absent' }, pull: 'never' });
  const refused = { code: 'engine.imageMissing', message: expect.stringContaining('absent') };
  await expect(world.until(engine.launch(wanted))).rejects.toMatchObject(refused);
  expect(await engine.list()).toEqual([]);
  await world.until(engine.destroy('one'));
  await world.until(engine.launch(config(RUNS, { name: 'one' })));
});

test('events tell the life of a container in order', async () => {
  const { world, engine } = await engineOf(42);
  const stop = new AbortController();
  const kinds: string[] = [];
  const reading = (async () => {
    for await (const { kind } of engine.events(stop.signal)) kinds.push(kind);
  })();
  await world.until(engine.launch(config(EXITS, { name: 'one' })));
  await world.until(engine.wait('one'));
  await world.until(engine.remove('one'));
  stop.abort();
  await reading;
  expect(kinds).toEqual(['created', 'started', 'terminated', 'removed']);
});

/** Of the engine itself: the isolators of the simulation make one more directory and one more file. */
test.each([
  { autoRemove: true, expected: ['mkdir', 'mkdir', 'mkdir', 'rename', 'rename', 'write', 'write'] },
  {
    autoRemove: false,
    expected: [
      ...['fsync', 'fsync', 'fsync', 'mkdir', 'mkdir', 'mkdir'],
      ...['rename', 'rename', 'rename', 'write', 'write', 'write'],
    ],
  },
])(
  'a launch makes two directories and one file with --rm, two files without and only then syncs ($autoRemove)',
  async (row) => {
    const { world, engine } = await engineOf(43);
    await world.until(engine.launch(config(RUNS, { name: 'first' })));
    await world.quiesce(100);
    const before = world.scheduler.trace.length;
    await world.until(engine.launch(config(RUNS, { name: 'one', autoRemove: row.autoRemove })));
    const trace = world.scheduler.trace.slice(before);
    const untilExec = trace.slice(0, trace.indexOf('started to agent'));
    const operations = untilExec.map((what) => what.split(' ')[0] ?? '');
    expect(
      operations.filter((what) => /^(mkdir|write|rename|fsync|read|list|exists|unlink)$/.test(what)).sort(),
    ).toEqual(row.expected);
  },
);

test('usage of many containers costs a fixed number of effects each, and one that cannot be read hides no other', async () => {
  const counting = { name: 'cgroups/pids', requires: [], plan: () => ({}), usage: async () => ({ pids: 1 }) };
  const failing = {
    ...{ name: 'cgroups/cpu', requires: [], plan: () => ({}) },
    usage: async (): Promise<never> => {
      throw new Error('cannot be read');
    },
  };
  const all = [failing, counting];
  const world = new World(41);
  const life = world.boot({ isolators: all, permittedIsolators: all.map(({ name }) => name) });
  const engine = await world.until(life.engine);
  for (const name of ['one', 'two', 'three']) {
    await world.until(engine.launch(config({ kind: 'runs' }, { name, rootfs: { kind: 'none' } })));
  }
  await world.quiesce(1_000);
  const before = life.incarnation.effects;
  const stats = await world.until(engine.stats());
  expect(life.incarnation.effects - before).toBe(3 * 3); // the files of pressure
  expect(stats.map(({ usage }) => usage)).toEqual([{ pids: 1 }, { pids: 1 }, { pids: 1 }]);
  expect(stats[0]?.unreadable).toEqual([{ isolator: 'cgroups/cpu', message: 'cannot be read' }]);
  expect(stats[0]?.disk).toBeUndefined();
});

test('what isolators want to be read is read of all containers in one go, and each is given its own', async () => {
  const reading = (name: string, subject: UsageSubject, value: string) => ({
    ...{ name, requires: [], plan: () => ({}) },
    brief: {
      subject,
      files: ({ uid }: IsolatedContainer) => [{ directory: `/${value}`, name: uid }],
      values: (_: IsolatedContainer, [text = '']: readonly string[]) => ({ [value]: text.length }),
    },
  });
  const all = [reading('cgroups/cpu', 'cpu', 'cpuUsageNs'), reading('cgroups/pids', 'processes', 'pids')];
  const asked: string[][] = [];
  let refused = '';
  const world = new World(45);
  const { engine: opening } = world.boot({
    ...{ isolators: all, permittedIsolators: all.map(({ name }) => name) },
    readKernelFiles: async (wanted) => {
      const paths = wanted.map(({ directory, name }) => `${directory}/${name}`);
      asked.push(paths);
      return paths.map((path) => (path === refused ? { errno: 'EACCES' } : path));
    },
  });
  const engine = await world.until(opening);
  for (const name of ['one', 'two']) {
    const { status } = await world.until(engine.launch(config(RUNS, { name, rootfs: { kind: 'none' } })));
    refused = `/pids/${status.uid}`;
  }
  const [one, two] = await world.until(engine.stats());
  expect(asked.length).toBe(1);
  expect(one).toMatchObject({ usage: { cpuUsageNs: 24, pids: 18 }, unreadable: [] });
  const message = `${refused} cannot be read: EACCES`;
  expect(two).toMatchObject({ usage: { cpuUsageNs: 24 }, unreadable: [{ isolator: 'cgroups/pids', message }] });
  expect(two?.usage).not.toHaveProperty('pids');
  const [alone] = await world.until(engine.stats({ only: ['processes'] }));
  expect(alone).toMatchObject({ usage: { pids: 18 }, pressure: {} });
  expect(alone?.usage).not.toHaveProperty('cpuUsageNs');
  expect(asked[1]?.every((path) => path.startsWith('/pids/'))).toBe(true);
});
