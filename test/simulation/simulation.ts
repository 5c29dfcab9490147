import { TEMPORARY_PREFIX } from '../../src/base/effects.ts';
import type { ContainerStatus, Engine } from '../../src/engine/facade.ts';
import { type Lineage, ownGroup, scopeUnit } from '../../src/launcher/group-tree.ts';
import type { CgroupDriverKind } from '../../src/model/cgroup-driver.ts';
import { act } from './clients.ts';
import { uidOfGroup, WORLD } from './fake-kernel.ts';
import { Ledger } from './ledger.ts';
import { checkRecords } from './record-checks.ts';
import { SeededRandom, settled } from './scheduler.ts';
import { HIERARCHY, type Life, type Sabotage, World } from './world.ts';

/** systemd's infinity, and what a scope has besides its container (src/launcher/unit-properties.ts). */
const UNSET = 0xffff_ffff_ffff_ffffn;
const MEMORY_BESIDE_BYTES = 16n << 20n;

/** How often records are looked at; it is the dearest of the checks. */
const RECORDS_EVERY_STEPS = 5;

/** How much happens in one run. */
interface Extent {
  /** Engines that are killed before the last one, at least and at most. */
  readonly crashes: readonly [least: number, most: number];
  /** Steps within which a crash happens: launches take about fifty. */
  readonly crashWithinSteps: number;
  /** Callers at most. */
  readonly clients: number;
  /** Operations of each at most. */
  readonly operations: number;
}

const EXTENTS = {
  long: { crashes: [0, 2], crashWithinSteps: 250, clients: 4, operations: 5 },
  /** One crash among few callers, each seed a third of the cost. */
  short: { crashes: [1, 1], crashWithinSteps: 120, clients: 2, operations: 2 },
} as const satisfies Record<string, Extent>;

export interface SimulationOptions {
  readonly sabotage?: Sabotage | undefined;
  /** Operations that clients do, to meet sooner what else few seeds meet; all unless named. */
  readonly favoured?: readonly string[] | undefined;
  readonly driver?: CgroupDriverKind;
  /** `long` unless told. */
  readonly extent?: keyof typeof EXTENTS;
}

/**
 * One run: clients act on an engine while it, its helper, its monitors or the whole host are killed at moments that
 * the seed chooses; every engine that follows must know what callers were told, and in the end nothing is left.
 *
 * @throws {Error} naming the seed and the last things that happened
 */
export async function simulate(
  seed: number,
  { sabotage, favoured = [], driver, extent = 'long' }: SimulationOptions = {},
): Promise<void> {
  const world = new World(seed, sabotage, driver);
  // Errors are ordinary here, thousands of them; their stacks would take most of the time. A replay shows them.
  const { stackTraceLimit } = Error;
  if (process.env.ISOPOD_SEED === undefined) Error.stackTraceLimit = 0;
  try {
    await run(world, new SeededRandom(seed + 0x5eed), { favoured, extent: EXTENTS[extent] });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const shown = Number(process.env.ISOPOD_TRACE ?? 40);
    const last = world.scheduler.trace.slice(-shown).join('\n  ');
    throw new Error(`ISOPOD_SEED=${seed}: ${reason}\nlast steps:\n  ${last}`, { cause: error });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function run(world: World, random: SeededRandom, what: Pick<Run, 'favoured' | 'extent'>): Promise<void> {
  const ledger = new Ledger(world.kernel);
  const [least, most] = what.extent.crashes;
  const crashes = least + random.below(most - least + 1);
  for (let number = 0; number < crashes; number++) await liveAndCrash(world, { random, ledger, ...what });
  await liveToTheEnd(world, { random, ledger, ...what });
}

interface Run {
  readonly random: SeededRandom;
  readonly ledger: Ledger;
  readonly favoured: readonly string[];
  readonly extent: Extent;
}

async function liveAndCrash(world: World, run: Run): Promise<void> {
  const { random, ledger, extent } = run;
  const life = world.boot();
  const opened = life.engine.then(async (engine) => {
    const list = await engine.list();
    ledger.checkList(list);
    checkGroups(world, list);
    await startClients(untilDeath(engine, life), run);
  });
  let failure: unknown;
  opened.catch((error) => {
    failure = error;
  });
  let serving: Engine | undefined;
  life.engine.then(
    (engine) => {
      serving = engine;
    },
    () => {}, // told by `opened`
  );
  const crashAt = world.scheduler.steps + random.below(extent.crashWithinSteps);
  while (world.scheduler.steps < crashAt) {
    if (!(await world.scheduler.step())) break;
    if (failure !== undefined) throw failure;
    if (serving !== undefined && world.scheduler.steps % RECORDS_EVERY_STEPS === 0) {
      checkRecords(world, await serving.list());
    }
    if (random.chance(1)) killPart(world, { random, ledger });
  }
  await settled(); // what it has answered by now is heard, and noted before the crash
  if (failure !== undefined) throw failure;
  crash(world, life, { random, ledger });
}

async function liveToTheEnd(world: World, run: Run): Promise<void> {
  const { random, ledger } = run;
  const life = world.boot();
  const engine = await world.until(life.engine);
  // What a client of a dead engine began to wait for in the very moment of its death is heard by nobody.
  ledger.waiters.length = 0;
  ledger.checkList(await engine.list());
  let isOver = false;
  const acting = startClients(engine, run).finally(() => {
    isOver = true;
  });
  acting.catch(() => {}); // awaited below
  const limit = world.scheduler.steps + 50_000;
  while (!isOver && world.scheduler.steps < limit) {
    if (!(await world.scheduler.step())) break;
    if (random.chance(1) && random.chance(30)) killPart(world, { random, ledger });
  }
  await world.until(acting);
  await world.quiesce();
  ledger.checkList(await engine.list());
  await checkHost(world, engine);
  await endAll(world, { engine, ledger, life });
}

function startClients(engine: Engine, { random, ledger, favoured, extent }: Run): Promise<unknown> {
  const count = 1 + random.below(extent.clients);
  const least = favoured.length === 0 ? 1 : 8; // a crash should meet one of them at work
  const clients = Array.from({ length: count }, () =>
    act({ engine, ledger, random: new SeededRandom(random.next()) }, least + random.below(extent.operations), favoured),
  );
  return Promise.all(clients);
}

/** What a dead process was asked it does not answer, not even from memory. */
export function untilDeath(engine: Engine, { incarnation }: Life): Engine {
  return new Proxy(engine, {
    get: (target, name: keyof Engine) => {
      return (...args: never[]) =>
        new Promise((resolve, reject) => {
          if (!incarnation.isAlive) return;
          const call = target[name] as (...args: never[]) => Promise<unknown>;
          call.apply(target, args).then(
            (value) => incarnation.isAlive && resolve(value),
            (error) => incarnation.isAlive && reject(error),
          );
        });
    },
  });
}

function killPart(world: World, { random, ledger }: Pick<Run, 'random' | 'ledger'>): void {
  if (random.chance(30)) {
    world.killForkServer();
    world.scheduler.trace.push('— fork server killed —');
    return;
  }
  const monitors = [...world.kernel.monitors];
  if (monitors.length === 0) return;
  const victim = random.pick(monitors);
  world.scheduler.trace.push(`— monitor of ${victim.uid} killed —`);
  ledger.monitorKilled(victim.uid);
  victim.kill();
}

function crash(world: World, life: Life, { random, ledger }: Pick<Run, 'random' | 'ledger'>): void {
  ledger.waiters.length = 0; // their engine is dead, and so are they
  ledger.engineKilled();
  if (random.chance(30)) {
    world.scheduler.trace.push('— power cut —');
    world.powerCut(life);
    ledger.powerCut();
    return;
  }
  world.scheduler.trace.push('— engine killed —');
  world.killEngine(life);
  if (random.chance(30)) world.killForkServer();
}

/** What is on the host must be what the engine lists, nothing more. */
export async function checkHost(world: World, engine: Engine): Promise<void> {
  const { disk, processes, groups, units } = world.kernel;
  const list = await engine.list();
  const all = list.map(({ uid }) => uid as string).sort();
  checkGroups(world, list);
  for (const path of disk.below(WORLD.stateDir)) {
    if (path.endsWith('/update.json') || path.endsWith('/update-copy.json')) throw new Error(`${path} is left`);
  }
  const running = list.filter(hasProcess).map(({ uid }) => uid as string);
  running.sort();
  same('containers on disk', [...disk.children(`${WORLD.rootDir}/containers`)].sort(), all);
  same('state directories', [...disk.children(`${WORLD.stateDir}/c`)].sort(), running);
  const unfinished = disk.below(WORLD.rootDir).filter((path) => path.includes(TEMPORARY_PREFIX));
  same('unfinished files', unfinished, []);
  const uids = (paths: Iterable<string>): readonly string[] => {
    const found = [...paths].map(uidOfGroup).filter((uid) => uid !== '');
    return [...new Set(found)].sort();
  };
  same('groups', uids(groups), running);
  const alive = list.filter(hasProcess);
  const outermost = alive.filter(({ parent }) => parent === undefined).map(({ uid }) => uid as string);
  if (world.driver === 'systemd') same('scopes', uids(units.keys()), outermost.sort());
  for (const { uid, parent } of alive) {
    if (parent !== undefined && !running.includes(parent)) throw new Error(`${uid} has outlived ${parent}`);
  }
  const inits = [...processes.values()].filter(({ isInit }) => isInit).map(({ pid }) => pid);
  same(
    'init processes',
    inits.sort(),
    list
      .filter(hasProcess)
      .map(({ pid }) => pid)
      .sort(),
  );
  for (const { pid, group } of processes.values()) {
    if (!running.some((uid) => group.includes(uid))) throw new Error(`process ${pid} of ${group} is nobody's`);
  }
}

function hasProcess({ state }: ContainerStatus): boolean {
  return state === 'running' || state === 'paused';
}

/** What the engine says of a container's limits and of its standing still is what the kernel does. */
export function checkGroups({ kernel, tree }: World, list: readonly ContainerStatus[]): void {
  for (const { uid, state, config } of list.filter(hasProcess)) {
    const group = ownGroup(tree, HIERARCHY, lineageOf(list, uid));
    if (!kernel.groups.has(group)) continue; // it has just ended, and the engine has not heard of it
    same(`whether ${uid} is frozen`, [kernel.isFrozen(group)], [state === 'paused']);
    const limit = `${config.resources.memoryLimitBytes ?? 'max'}`;
    const knobs = ['memory.max', 'memory.swap.max', 'memory.high'].map((file) => kernel.knobs.get(`${group}/${file}`));
    same(
      `limits of ${uid}`,
      knobs.map((value) => value ?? 'max'),
      [limit, limit, 'max'],
    );
    const unit = kernel.units.get(scopeUnit(WORLD.instance, uid));
    const told = limit === 'max' ? UNSET : BigInt(limit) + MEMORY_BESIDE_BYTES;
    if (unit !== undefined)
      same(`what systemd was told of ${uid}`, [String(unit.properties.get('MemoryMax') ?? UNSET)], [String(told)]);
  }
}

/** The uids from the outermost container. */
function lineageOf(list: readonly ContainerStatus[], uid: string): Lineage {
  const parent = list.find((status) => status.uid === uid)?.parent;
  if (parent === undefined) return [uid];
  const [first, ...rest] = lineageOf(list, parent);
  return [first, ...rest, uid];
}

/** Ends all containers; then nothing may be left, in the engine or on the host. */
export async function endAll(
  world: World,
  { engine, ledger, life }: { engine: Engine; ledger: Ledger; life: Life },
): Promise<void> {
  for (const { uid } of await engine.list()) await world.until(engine.destroy(uid));
  await world.until(Promise.all(ledger.waiters));
  await world.quiesce();
  await checkHost(world, engine);
  const sockets = world.kernel.disk.below(`${WORLD.stateDir}/s`);
  if (sockets.length > 0) throw new Error(`sockets are left: ${sockets.join(', ')}`);
  if (world.kernel.monitors.size > 0) throw new Error(`monitors are left: ${world.kernel.monitors.size}`);
  if (!engine.isIdle()) throw new Error('the engine is not idle, and nothing is left to do');
  await world.until(engine.close());
  const unexpected = life.problems.find(({ what }) => what.startsWith('damaged'));
  if (unexpected !== undefined) throw new Error(`${unexpected.what}`, { cause: unexpected.error });
}

function same(what: string, found: readonly unknown[], wanted: readonly unknown[]): void {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`${what}: found ${JSON.stringify(found)}, the engine lists ${JSON.stringify(wanted)}`);
  }
}
