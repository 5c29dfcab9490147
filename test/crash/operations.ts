import type { Engine } from '../../src/engine/facade.ts';
import type { ContainerConfig } from '../../src/model/container-config.ts';
import { shellConfig } from '../kernel/support/shell-config.ts';

/** What the process that is ended tells before its end, a line each: what callers know. */
export type Told =
  | { readonly kind: 'launched'; readonly uid: string; readonly pid: number; readonly autoRemove: boolean }
  /** From here on it may have another first process, */
  | { readonly kind: 'start asked'; readonly uid: string }
  /** it may have ended, */
  | { readonly kind: 'end asked'; readonly uid: string }
  /** or be gone. */
  | { readonly kind: 'removal asked'; readonly uid: string }
  | { readonly kind: 'removed'; readonly uid: string }
  | { readonly kind: 'limit asked'; readonly uid: string; readonly bytes: number }
  | { readonly kind: 'limit set'; readonly uid: string; readonly bytes: number }
  /** How many effects there were, when the end was never met. */
  | { readonly kind: 'over'; readonly effects: readonly string[] };

export interface Actor {
  readonly engine: Engine;
  /** Of a few layers, to be pulled. */
  readonly image: string;
  readonly tell: (told: Told) => void;
}

export interface Operation {
  readonly prepare: (actor: Actor) => Promise<unknown>;
  readonly act: (actor: Actor) => Promise<unknown>;
}

const SLEEPS = 'exec sleep 1000';
const LIMIT_BYTES = 96 << 20;

async function launch(
  { engine, tell }: Actor,
  path: string,
  command = SLEEPS,
  changes: Partial<ContainerConfig> = {},
): Promise<string> {
  const slash = path.lastIndexOf('/');
  const place = slash > 0 ? { parent: path.slice(0, slash) } : {};
  const { status } = await engine.launch(shellConfig(path.slice(slash + 1), command, { ...place, ...changes }));
  const { uid, pid = 0, config } = status;
  tell({ kind: 'launched', uid, pid, autoRemove: config.autoRemove });
  return uid;
}

async function endsByItself(actor: Actor, changes: Partial<ContainerConfig> = {}): Promise<void> {
  const uid = await launch(actor, 'one', 'exit 7', changes);
  actor.tell({ kind: 'end asked', uid });
  await actor.engine.wait(uid);
}

async function withUid(actor: Actor, path: string, work: (uid: string) => Promise<unknown>): Promise<void> {
  await work((await actor.engine.status(path)).uid);
}

function stop(actor: Actor, path: string): Promise<void> {
  return withUid(actor, path, (uid) => {
    actor.tell({ kind: 'end asked', uid });
    return actor.engine.stop(uid, 0);
  });
}

/** Once it has ended, or with a stop before. */
function start(actor: Actor, path: string, how: 'start' | 'restart'): Promise<void> {
  return withUid(actor, path, async (uid) => {
    actor.tell({ kind: 'start asked', uid });
    actor.tell({ kind: 'end asked', uid });
    const { lives } = actor.engine;
    const { status } = await (how === 'start' ? lives.start(uid) : lives.restart(uid, 0));
    actor.tell({ kind: 'launched', uid, pid: status.pid ?? 0, autoRemove: false });
  });
}

function remove(actor: Actor, path: string): Promise<void> {
  return withUid(actor, path, async (uid) => {
    const all = [uid, ...(await actor.engine.status(uid)).children];
    for (const gone of all) actor.tell({ kind: 'removal asked', uid: gone });
    await actor.engine.remove(uid, { force: true });
    for (const gone of all) actor.tell({ kind: 'removed', uid: gone });
  });
}

function update(actor: Actor, path: string, bytes: number): Promise<void> {
  return withUid(actor, path, async (uid) => {
    actor.tell({ kind: 'limit asked', uid, bytes });
    await actor.engine.update(uid, { memoryLimitBytes: bytes });
    actor.tell({ kind: 'limit set', uid, bytes });
  });
}

async function exec({ engine }: Actor, path: string, command: string): Promise<void> {
  const { uid: container } = await engine.status(path);
  const words = ['/bin/sh', '-c', command];
  await engine.exec({ container, command: words, env: [], terminal: false, stdin: false, owned: false });
}

async function nothing(): Promise<void> {}
const one = (actor: Actor): Promise<unknown> => launch(actor, 'one');

/** By name; each begins on an engine that has nothing but what it prepares. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  launch: { prepare: nothing, act: one },
  'launch --rm': { prepare: nothing, act: (actor) => launch(actor, 'one', SLEEPS, { autoRemove: true }) },
  'launch of a missing command': {
    prepare: nothing,
    act: ({ engine }) => engine.launch({ ...shellConfig('one', ''), command: ['/nowhere/to/be/found'] }),
  },
  'launch and end': { prepare: nothing, act: (actor) => endsByItself(actor) },
  'launch --rm and end': { prepare: nothing, act: (actor) => endsByItself(actor, { autoRemove: true }) },
  'nested launch': { prepare: one, act: (actor) => launch(actor, 'one/two') },
  session: { prepare: one, act: (actor) => exec(actor, 'one', SLEEPS) },
  update: {
    prepare: (actor) => launch(actor, 'one', SLEEPS, { resources: { memoryLimitBytes: 64 << 20 } }),
    act: (actor) => update(actor, 'one', LIMIT_BYTES),
  },
  pause: { prepare: one, act: ({ engine }) => engine.pause('one') },
  unpause: {
    prepare: async (actor) => {
      await one(actor);
      await actor.engine.pause('one');
    },
    act: ({ engine }) => engine.unpause('one'),
  },
  stop: { prepare: one, act: (actor) => stop(actor, 'one') },
  start: {
    prepare: async (actor) => {
      await one(actor);
      await stop(actor, 'one');
    },
    act: (actor) => start(actor, 'one', 'start'),
  },
  restart: { prepare: one, act: (actor) => start(actor, 'one', 'restart') },
  remove: {
    prepare: async (actor) => {
      await one(actor);
      await stop(actor, 'one');
    },
    act: (actor) => remove(actor, 'one'),
  },
  destroy: { prepare: one, act: (actor) => remove(actor, 'one') },
  'destroy of one that another lives in': {
    prepare: async (actor) => {
      await one(actor);
      await launch(actor, 'one/two');
    },
    act: (actor) => remove(actor, 'one'),
  },
};

/** What the engine has to find whose recovery is cut: containers that run, stand still, are over, and live in another. */
export const BEFORE_RECOVERY: Operation = {
  prepare: nothing,
  act: async (actor) => {
    await one(actor);
    await launch(actor, 'one/two');
    await exec(actor, 'one', SLEEPS);
    await launch(actor, 'paused');
    await actor.engine.pause('paused');
    const over = await launch(actor, 'over', 'exit 3');
    actor.tell({ kind: 'end asked', uid: over });
    await actor.engine.wait(over);
    await launch(actor, 'gone', SLEEPS, { autoRemove: true });
  },
};
