import { expect, test } from 'vitest';
import type { Clock } from '../base/effects.ts';
import type { Isolator, LimitWatch } from '../isolators/isolator.ts';
import type { Watch } from '../launcher/launcher.ts';
import { parseContainerUid } from '../model/container-id.ts';
import { completeConfig } from '../model/container-request.ts';
import { defineErrors } from '../model/error.ts';
import { Container } from './container.ts';
import type { ContainerHappening, Happening } from './event.ts';
import { LimitWatches } from './limit-watches.ts';
import { containerPaths, enginePaths } from './paths.ts';
import type { EngineProblem } from './problem.ts';

const errors = defineErrors('fake', {
  gone: { kind: 'unavailable', message: () => 'the helper was killed' },
  refused: { kind: 'failed-precondition', message: () => 'no such group' },
});
const UID = parseContainerUid('0123456789ab');

/** Sleeps are over at once, and noted. */
class World {
  killed = 0;
  asked = 0;
  readonly pauses: number[] = [];
  readonly events: ContainerHappening[] = [];
  readonly problems: EngineProblem[] = [];
  readonly watched: { noticed: () => void; over: PromiseWithResolvers<void> }[] = [];
  stopped = 0;
  refusal: Error | undefined;
  source: LimitWatch | undefined = { kind: 'events', path: '/cg/memory.events' };
  readonly isolator: Isolator = {
    name: 'cgroups/memory',
    requires: [],
    plan: () => ({}),
    watch: () => this.source,
    limitation: async () => {
      this.asked += 1;
      const { killed: times } = this;
      return times === 0 ? undefined : { isolator: 'cgroups/memory', resource: 'memory', times, message: `${times}` };
    },
  };
  readonly container: Container;
  readonly limits: LimitWatches;

  constructor(uid = UID) {
    const config = completeConfig({ name: 'c', rootfs: { kind: 'none' }, command: ['true'] });
    const paths = containerPaths(enginePaths('/r', '/s'), uid);
    this.container = new Container({ uid, config, createdAtMs: 0, paths });
    this.container.resume('running');
    this.container.isolators = [this.isolator];
    const clock: Clock = {
      nowMs: () => 7,
      monotonicMs: () => 0,
      sleep: async (ms, signal) => {
        signal?.throwIfAborted();
        this.pauses.push(ms);
      },
      after: () => () => {},
    };
    const events = { emit: (event: Happening) => this.events.push(event as ContainerHappening) };
    const report = (problem: EngineProblem) => this.problems.push(problem);
    this.limits = new LimitWatches({
      clock,
      events,
      report,
      metrics: { limitHit: () => {} },
      launcher: { watchGroup: this.#watchGroup },
    });
  }

  readonly #watchGroup = async (_source: LimitWatch, noticed: () => void): Promise<Watch> => {
    if (this.refusal !== undefined) throw this.refusal;
    const over = Promise.withResolvers<void>();
    this.watched.push({ noticed, over });
    const stop = (): void => {
      this.stopped += 1;
      over.resolve();
    };
    return { over: over.promise, stop };
  };

  end(): void {
    const exitStatus = { kind: 'exited', code: 0 } as const;
    const end = {
      exitStatus,
      reason: 'exited',
      message: '',
      limitations: [],
      startedAtMs: 0,
      finishedAtMs: 1,
    } as const;
    this.container.terminate(end);
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('containers of an earlier engine are watched one after the other', async () => {
  const [one, other] = [new World(), new World(parseContainerUid('fedcba987654'))];
  one.limits.beginAll([one.container]);
  other.limits.beginAll([one.container, other.container]);
  await settled();
  expect(one.pauses[0]).toBe(250);
  expect(other.pauses.slice(0, 2)).toEqual([250, 251]);
  expect(one.watched.length + other.watched.length).toBe(3);
});

test('each kill is told once, with the limitation, and kept with the container', async () => {
  const world = new World();
  world.limits.begin(world.container);
  await settled();
  expect(world.events).toEqual([]);
  for (const killed of [1, 1, 3]) {
    world.killed = killed;
    world.watched[0]?.noticed();
    await settled();
  }
  expect(world.events.map(({ kind, limitation }) => [kind, limitation?.times])).toEqual([
    ['oom', 1],
    ['oom', 3],
  ]);
  expect(world.container.limitations).toMatchObject([{ times: 3 }]);
  world.end();
  await settled();
  expect(world.stopped).toBe(1);
  expect(world.problems).toEqual([]);
});

test('what happened before it was watched is told too', async () => {
  const world = new World();
  world.killed = 1;
  world.limits.begin(world.container);
  await settled();
  expect(world.events).toMatchObject([{ uid: UID, kind: 'oom', atMs: 7 }]);
});

test('a bound of anything but memory has an event of its own', () => {
  const world = new World();
  const limitation = { isolator: 'cgroups/pids', resource: 'pids', times: 2, message: 'twice' } as const;
  world.limits.note(world.container, limitation);
  world.limits.note(world.container, limitation);
  expect(world.events).toMatchObject([{ uid: UID, kind: 'limitation', atMs: 7, limitation }]);
});

test('a v1 group is looked at again, for it tells before it kills', async () => {
  const world = new World();
  world.source = { kind: 'outOfMemory', path: '/cg' };
  world.limits.begin(world.container);
  await settled();
  const before = world.asked;
  world.watched[0]?.noticed();
  await settled();
  expect(world.asked - before).toBe(4);
});

test('many notices at once cost one look and one more', async () => {
  const world = new World();
  world.limits.begin(world.container);
  await settled();
  const before = world.asked;
  for (let count = 0; count < 100; count += 1) world.watched[0]?.noticed();
  await settled();
  expect(world.asked - before).toBeLessThanOrEqual(2);
});

test('a helper that is killed is followed by another', async () => {
  const world = new World();
  world.limits.begin(world.container);
  await settled();
  world.watched[0]?.over.reject(errors.gone({}));
  await settled();
  expect(world.watched.length).toBe(2);
  expect(world.problems).toEqual([]);
});

test('a refused watch is reported, and the container runs on', async () => {
  const world = new World();
  world.refusal = errors.refused({});
  world.limits.begin(world.container);
  await settled();
  expect(world.problems).toMatchObject([{ what: 'watching the bound of cgroups/memory', uid: UID }]);
});

test('what is counted is counted before it is asked, and past its limit the container is killed', async () => {
  const world = new World();
  world.source = { kind: 'polled', everyMs: 15_000 };
  const signals: number[] = [];
  const signal = async (number: number): Promise<void> => {
    signals.push(number);
    world.limits.close();
  };
  Object.assign(world.container, { link: { signal } });
  let counts = 0;
  Object.assign(world.isolator, {
    measure: async () => {
      counts += 1;
      if (counts === 1) throw errors.gone({});
      world.killed = counts === 3 ? 1 : 0;
    },
  });
  const before = world.asked;
  world.limits.begin(world.container);
  await settled();
  expect({ counts, asked: world.asked - before, signals }).toEqual({ counts: 3, asked: 2, signals: [9] });
  expect(world.container.limitations).toMatchObject([{ times: 1 }]);
  expect(world.problems).toMatchObject([{ what: 'counting for cgroups/memory' }]);
  expect(world.pauses).toEqual([15_000, 15_000, 15_000]);
});

test('an unbounded container, one that is watched already, and a closed engine watch nothing', async () => {
  const world = new World();
  world.source = undefined;
  world.limits.begin(world.container);
  world.source = { kind: 'events', path: '/cg/memory.events' };
  world.limits.begin(world.container);
  world.limits.begin(world.container);
  await settled();
  expect(world.watched.length).toBe(1);
  world.limits.close();
  await settled();
  expect(world.stopped).toBe(1);
});
