import type { CgroupDriverKind } from '../../src/model/cgroup-driver.ts';
import { type CrashScenario, launch } from './crash-scenarios.ts';
import { Ledger } from './ledger.ts';
import { checkRecords } from './record-checks.ts';
import { settled } from './scheduler.ts';
import { checkGroups, checkHost, endAll, untilDeath } from './simulation.ts';
import { type Life, type Sabotage, World } from './world.ts';

/** How an engine ends: alone, or with its host. */
export type CrashKind = 'kill' | 'power cut';

export interface CrashRun {
  readonly seed: number;
  readonly driver?: CgroupDriverKind;
  readonly kind?: CrashKind;
  /** For each engine that is ended: after so many steps of the scheduler since its operation, or its start, began. */
  readonly crashAfterSteps: readonly number[];
  readonly sabotage?: Sabotage | undefined;
}

export interface CrashCount {
  /** Runs, one for each point, or pair of points. */
  readonly runs: number;
  /** The most effects that an engine had made when it was ended. */
  readonly effects: number;
}

/** Longer than any operation takes; an enumeration that comes so far would never end. */
const MAX_POINTS = 2_000;

/**
 * Ends the engine after every single step of an operation in turn: after each effect that it made, each frame that arrived and
 * each move of the kernel and the monitors between them. What follows must know what callers were told.
 *
 * @throws {Error} naming the point
 */
export async function crashEverywhere(
  name: string,
  scenario: CrashScenario,
  how: Omit<CrashRun, 'crashAfterSteps'>,
): Promise<CrashCount> {
  let effects = 0;
  for (let point = 0; point < MAX_POINTS; point++) {
    const run = await crashAt(name, scenario, { ...how, crashAfterSteps: [point] });
    effects = Math.max(effects, run.effects);
    if (run.crashes < 1) return { runs: point, effects };
  }
  throw new Error(`${name}: more than ${MAX_POINTS} steps, and no end`);
}

/**
 * The same once more in the recovery that follows: at each `stride`th step after each `stride`th of the operation.
 *
 * @param how.firsts steps of the operation, instead of each `stride`th
 */
export async function crashTwice(
  name: string,
  scenario: CrashScenario,
  how: Omit<CrashRun, 'crashAfterSteps'> & { readonly stride: number; readonly firsts?: readonly number[] },
): Promise<CrashCount> {
  const { stride, firsts = Array.from({ length: MAX_POINTS }, (_, index) => index * stride), ...run } = how;
  const count = { runs: 0, effects: 0 };
  for (const first of firsts) {
    for (let second = first % stride; second < MAX_POINTS; second += stride) {
      const { crashes, effects } = await crashAt(name, scenario, { ...run, crashAfterSteps: [first, second] });
      count.effects = Math.max(count.effects, effects);
      if (crashes === 0) return count;
      if (crashes === 1) break;
      count.runs += 1;
    }
  }
  return count;
}

async function crashAt(
  name: string,
  scenario: CrashScenario,
  run: CrashRun,
): Promise<{ readonly crashes: number; readonly effects: number }> {
  const world = new World(run.seed, run.sabotage, run.driver);
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // errors are ordinary here, and their stacks most of the time
  try {
    return await play(world, scenario, run);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const last = world.scheduler.trace.slice(-30).join('\n  ');
    const where = `${name}, ${run.kind ?? 'kill'} after steps ${run.crashAfterSteps.join(' and ')}, seed ${run.seed}`;
    throw new Error(`${where}: ${reason}\nlast steps:\n  ${last}`, { cause: error });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function play(
  world: World,
  scenario: CrashScenario,
  { crashAfterSteps: [inOperation = 0, ...inRecoveries], kind = 'kill' }: CrashRun,
): Promise<{ readonly crashes: number; readonly effects: number }> {
  const ledger = new Ledger(world.kernel);
  const first = world.boot();
  const begun = await begin(world, { life: first, ledger, scenario });
  let crashes = 0;
  const effectsBefore = first.incarnation.effects;
  const crash = async (life: Life): Promise<void> => {
    await settled(); // what it has answered by now is heard, and noted before the crash
    if (life === first) checkRecords(world, await (await first.engine).list());
    crashes += 1;
    end(world, { life, ledger, kind });
  };
  if (!(await stepsWithin(world, inOperation))) return { crashes, effects: first.incarnation.effects - effectsBefore };
  begun.failIfUnexpected();
  await crash(first);
  const effects = first.incarnation.effects - effectsBefore;
  for (const point of inRecoveries) {
    const life = world.boot();
    if (!(await stepsWithin(world, point))) return { crashes, effects };
    await crash(life);
  }
  const last = world.boot();
  const engine = await world.until(last.engine);
  ledger.checkList(await engine.list());
  await world.quiesce();
  const list = await engine.list();
  ledger.checkList(list);
  checkGroups(world, list);
  await checkHost(world, engine);
  await endAll(world, { engine, ledger, life: last });
  return { crashes, effects };
}

/** Prepares, waits until all is quiet, and begins the operation. */
async function begin(
  world: World,
  { life, ledger, scenario }: { readonly life: Life; readonly ledger: Ledger; readonly scenario: CrashScenario },
): Promise<{ failIfUnexpected(): void }> {
  const caller = { engine: untilDeath(await world.until(life.engine), life), ledger };
  for (const path of scenario.running ?? []) await world.until(launch(caller, path));
  if (scenario.prepare !== undefined) await world.until(scenario.prepare(caller));
  await world.quiesce(1_000);
  let unexpected: unknown;
  scenario.act(caller).catch((error: unknown) => {
    try {
      ledger.failed('the operation', error);
    } catch (fault) {
      unexpected = fault;
    }
  });
  return {
    failIfUnexpected: () => {
      if (unexpected !== undefined) throw unexpected;
    },
  };
}

/** @returns false when nothing is left to happen before so many steps; a minute's timers of what is over are nothing */
async function stepsWithin(world: World, count: number): Promise<boolean> {
  const endMs = world.scheduler.nowMs + 10_000;
  for (let step = 0; step < count; step++) {
    if (!world.scheduler.hasWorkUntil(endMs)) await settled();
    if (!world.scheduler.hasWorkUntil(endMs)) return false;
    await world.scheduler.step();
  }
  return true;
}

function end(
  world: World,
  { life, ledger, kind }: { readonly life: Life; readonly ledger: Ledger; readonly kind: CrashKind },
): void {
  ledger.waiters.length = 0;
  ledger.engineKilled();
  world.scheduler.trace.push(`— ${kind} —`);
  if (kind === 'kill') {
    world.killEngine(life);
    return;
  }
  world.powerCut(life);
  ledger.powerCut();
}
