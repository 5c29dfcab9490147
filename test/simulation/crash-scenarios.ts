import type { Engine } from '../../src/engine/facade.ts';
import type { ContainerConfig } from '../../src/model/container-config.ts';
import { type Ledger, REFUSED_LIMITS } from './ledger.ts';
import { type Behaviour, commandOf } from './workload.ts';
import { config } from './world.ts';

/** Who acts in a scenario, and who notes what was answered. */
export interface Caller {
  readonly engine: Engine;
  readonly ledger: Ledger;
}

/** An operation, and what there is before it begins. */
export interface CrashScenario {
  /** Names of containers that run until they are ended; `a/b` lives in `a`. */
  readonly running?: readonly string[];
  /** More of what is there before. */
  readonly prepare?: (caller: Caller) => Promise<unknown>;
  /** What is under way when the engine is ended. */
  readonly act: (caller: Caller) => Promise<unknown>;
}

const RUNS: Behaviour = { kind: 'runs' };
const LIMIT = 32 << 20;

export async function launch(
  { engine, ledger }: Caller,
  path: string,
  { behaviour = RUNS, ...changes }: Partial<ContainerConfig> & { readonly behaviour?: Behaviour } = {},
): Promise<void> {
  const slash = path.lastIndexOf('/');
  const place = slash > 0 ? { name: path.slice(slash + 1), parent: path.slice(0, slash) } : { name: path };
  ledger.launched((await engine.launch(config(behaviour, { ...place, ...changes }))).status);
}

async function stop({ engine, ledger }: Caller, path: string, graceMs: number): Promise<void> {
  const { uid } = await engine.status(path);
  ledger.ended(uid, await engine.stop(uid, graceMs));
}

async function start({ engine, ledger }: Caller, path: string): Promise<void> {
  const { uid } = await engine.status(path);
  ledger.startAsked(uid);
  await engine.lives.start(uid);
}

async function restart({ engine, ledger }: Caller, path: string, graceMs: number): Promise<void> {
  const { uid } = await engine.status(path);
  ledger.startAsked(uid);
  await engine.lives.restart(uid, graceMs);
}

async function remove({ engine, ledger }: Caller, path: string, force: boolean): Promise<void> {
  const { uid } = await engine.status(path);
  ledger.removalAsked(uid);
  await engine.remove(uid, { force });
  ledger.removalAcknowledged(uid);
}

async function destroy({ engine, ledger }: Caller, path: string): Promise<void> {
  const { uid } = await engine.status(path);
  ledger.removalAsked(uid);
  await engine.destroy(uid, { graceMs: 0 });
  ledger.removalAcknowledged(uid);
}

async function update({ engine, ledger }: Caller, path: string, limit: number): Promise<void> {
  const { uid } = await engine.status(path);
  const told = ledger.updateAsked(uid, limit);
  const updated = await engine.update(uid, { memoryLimitBytes: limit }).catch((error: unknown) => {
    told(undefined);
    throw error;
  });
  told(updated.config.resources.memoryLimitBytes ?? null);
}

async function exec({ engine }: Caller, path: string, behaviour: Behaviour, owned = false): Promise<void> {
  const command = commandOf(behaviour);
  const { uid } = await engine.status(path);
  await engine.exec({ container: uid, command, env: [], terminal: false, stdin: false, owned });
}

async function waitFor({ engine, ledger }: Caller, path: string): Promise<void> {
  const { uid } = await engine.status(path);
  ledger.ended(uid, await engine.wait(uid));
}

/** Every operation that changes something, by its name. */
export const CRASH_SCENARIOS: Readonly<Record<string, CrashScenario>> = {
  'a launch': { act: (caller) => launch(caller, 'one') },
  'a launch of one that goes with its end': { act: (caller) => launch(caller, 'one', { autoRemove: true }) },
  'a launch of one whose streams have an owner': { act: (caller) => launch(caller, 'one', { owned: true }) },
  'a launch whose command is not there': { act: (caller) => launch(caller, 'one', { behaviour: { kind: 'missing' } }) },
  'a launch that is cancelled': {
    act: (caller) => Promise.allSettled([launch(caller, 'one'), caller.engine.destroy('one')]),
  },
  'a create, twice at once': {
    act: ({ engine, ledger }) => {
      const create = async () => ledger.launched(await engine.create(config(RUNS, { name: 'one' })));
      return Promise.all([create(), create()]);
    },
  },
  'a nested launch': { running: ['one'], act: (caller) => launch(caller, 'one/two') },
  'a launch three deep': { running: ['one', 'one/two'], act: (caller) => launch(caller, 'one/two/three') },
  'an end by itself': {
    act: async (caller) => {
      await launch(caller, 'one', { behaviour: { kind: 'exits', code: 7, afterMs: 5 } });
      await waitFor(caller, 'one');
    },
  },
  'an end of one that goes with it': {
    act: async (caller) => {
      await launch(caller, 'one', { behaviour: { kind: 'exits', code: 7, afterMs: 5 }, autoRemove: true });
      await waitFor(caller, 'one');
    },
  },
  'a session': { running: ['one'], act: (caller) => exec(caller, 'one', RUNS) },
  'a session with an owner': { running: ['one'], act: (caller) => exec(caller, 'one', RUNS, true) },
  'a session that ends': {
    running: ['one'],
    act: (caller) => exec(caller, 'one', { kind: 'exits', code: 3, afterMs: 5 }),
  },
  'a session whose command is not there': {
    running: ['one'],
    act: (caller) => exec(caller, 'one', { kind: 'missing' }),
  },
  'a session in a nested container': { running: ['one', 'one/two'], act: (caller) => exec(caller, 'one/two', RUNS) },
  'an update': { running: ['one'], act: (caller) => update(caller, 'one', LIMIT) },
  'an update that the kernel refuses': { running: ['one'], act: (caller) => update(caller, 'one', REFUSED_LIMITS[1]) },
  'a second update': {
    running: ['one'],
    prepare: (caller) => update(caller, 'one', LIMIT),
    act: (caller) => update(caller, 'one', 16 << 20),
  },
  'a pause': { running: ['one'], act: ({ engine }) => engine.pause('one') },
  'the end of a pause': {
    running: ['one'],
    prepare: ({ engine }) => engine.pause('one'),
    act: ({ engine }) => engine.unpause('one'),
  },
  'a kill': { running: ['one'], act: ({ engine }) => engine.kill('one', 15) },
  'a stop': { running: ['one'], act: (caller) => stop(caller, 'one', 50) },
  'a stop of one that does not listen': {
    prepare: (caller) => launch(caller, 'one', { behaviour: { kind: 'stubborn' } }),
    act: (caller) => stop(caller, 'one', 50),
  },
  'a stop of one that is paused': {
    running: ['one'],
    prepare: ({ engine }) => engine.pause('one'),
    act: (caller) => stop(caller, 'one', 50),
  },
  'a start': {
    running: ['one'],
    prepare: (caller) => stop(caller, 'one', 0),
    act: (caller) => start(caller, 'one'),
  },
  'a start of one with a policy': {
    prepare: async (caller) => {
      await launch(caller, 'one', { restart: { kind: 'unless-stopped' } });
      await stop(caller, 'one', 0);
    },
    act: (caller) => start(caller, 'one'),
  },
  'a start, twice at once': {
    running: ['one'],
    prepare: (caller) => stop(caller, 'one', 0),
    act: (caller) => Promise.all([start(caller, 'one'), start(caller, 'one')]),
  },
  'a start that is called off': {
    running: ['one'],
    prepare: (caller) => stop(caller, 'one', 0),
    act: (caller) => Promise.allSettled([start(caller, 'one'), destroy(caller, 'one')]),
  },
  'a restart': { running: ['one'], act: (caller) => restart(caller, 'one', 50) },
  'a restart of one with a policy': {
    prepare: (caller) => launch(caller, 'one', { restart: { kind: 'always' } }),
    act: (caller) => restart(caller, 'one', 0),
  },
  'a restart of one that others live in': {
    running: ['one', 'one/two'],
    act: (caller) => restart(caller, 'one', 0),
  },
  'a removal by force': { running: ['one'], act: (caller) => remove(caller, 'one', true) },
  'a removal of one that has ended': {
    running: ['one'],
    prepare: (caller) => stop(caller, 'one', 0),
    act: (caller) => remove(caller, 'one', false),
  },
  'a destruction': { running: ['one'], act: (caller) => destroy(caller, 'one') },
  'a destruction with a session under way': {
    running: ['one'],
    prepare: (caller) => exec(caller, 'one', RUNS),
    act: (caller) => destroy(caller, 'one'),
  },
  'much at once': {
    running: ['one', 'one/two', 'paused', 'ended', 'changed'],
    prepare: async (caller) => {
      await caller.engine.pause('paused');
      await stop(caller, 'ended', 0);
      await exec(caller, 'one', RUNS);
    },
    act: (caller) =>
      Promise.allSettled([
        launch(caller, 'new'),
        launch(caller, 'one/new', { autoRemove: true }),
        exec(caller, 'one/two', RUNS),
        update(caller, 'changed', LIMIT),
        remove(caller, 'ended', false),
        stop(caller, 'paused', 0),
      ]),
  },
  'a destruction of one that others live in': {
    running: ['one', 'one/two', 'one/two/three', 'one/four'],
    act: (caller) => destroy(caller, 'one'),
  },
};
