import { expect, test } from 'vitest';
import type { Clock } from '../../base/effects.ts';
import { MetricRegistry } from '../../base/metrics.ts';
import { EngineError } from '../../model/error.ts';
import { OperationTracker } from './operation-tracker.ts';

const clock: Clock = {
  nowMs: () => 1_000,
  monotonicMs: () => 0,
  sleep: async () => {},
  after: (_, run) => {
    late.push(run);
    return () => {};
  },
};
let late: (() => void)[] = [];

function trackerOf() {
  late = [];
  const registry = new MetricRegistry();
  const caller = { requestId: 'r1', container: undefined as string | undefined };
  const callers = { run: <Result>(_: unknown, work: () => Result) => work(), current: () => caller };
  return { tracker: new OperationTracker({ clock, registry, callers }), registry, caller };
}

const never = (): Promise<never> => new Promise(() => {});

test('an operation shows with its request while it is under way, and its request learns of the container', async () => {
  const { tracker, caller } = trackerOf();
  const work = Promise.withResolvers<number>();
  const running = tracker.run({ kind: 'stop', container: 'aa' }, () => work.promise);
  expect(tracker.list()).toMatchObject([
    { id: 'op1', kind: 'stop', container: 'aa', sinceMs: 1_000, requestId: 'r1', isCancellable: false, steps: [] },
  ]);
  expect(caller.container).toBe('aa');
  work.resolve(7);
  expect(await running).toBe(7);
  expect(tracker.list()).toEqual([]);
});

test('a step shows with the operations on its container, with its deadline, until it is over', async () => {
  const { tracker } = trackerOf();
  void tracker.run({ kind: 'launch', container: 'aa' }, never);
  const step = tracker.within({ what: 'preparation of x', uid: 'aa', ms: 500 }, Promise.resolve(3));
  expect(tracker.list()).toMatchObject([
    { id: 'op1', steps: [{ what: 'preparation of x', sinceMs: 1_000, deadlineAtMs: 1_500 }] },
  ]);
  expect(await step).toBe(3);
  expect(tracker.list()).toMatchObject([{ id: 'op1', steps: [] }]);
});

test('a step whose time is over fails by naming what was waited for', async () => {
  const { tracker } = trackerOf();
  const step = tracker.within({ what: 'preparation of x', uid: 'aa', ms: 500 }, never());
  for (const run of late) run();
  await expect(step).rejects.toMatchObject({ code: 'engine.overdue', details: { what: 'preparation of x', ms: 500 } });
  expect(tracker.list()).toEqual([]);
});

test('the deadline of a step moves with what is heard, and one of an operation on no container shows with that', async () => {
  const { tracker } = trackerOf();
  const work = Promise.withResolvers<number>();
  let heard: (ms: number) => void = () => {};
  const running = tracker.run({ kind: 'pull', subject: 'x' }, (operation) =>
    tracker.moving({ what: 'its registry', operation, ms: 500 }, (until) => {
      heard = until;
      return work.promise;
    }),
  );
  expect(tracker.list()).toMatchObject([{ id: 'op1', steps: [{ what: 'its registry', deadlineAtMs: 1_500 }] }]);
  heard(700);
  expect(tracker.list()).toMatchObject([{ id: 'op1', steps: [{ deadlineAtMs: 1_700 }] }]);
  work.resolve(1);
  await running;
  expect(tracker.list()).toEqual([]);
});

test('a step that belongs to no operation shows alone', () => {
  const { tracker } = trackerOf();
  void tracker.run({ kind: 'launch', container: 'aa' }, never);
  void tracker.during({ what: 'limitation of x', uid: 'bb' }, never());
  expect(tracker.list()[1]).toMatchObject({
    ...{ id: '', kind: 'background', container: 'bb', isCancellable: false },
    steps: [{ what: 'limitation of x', deadlineAtMs: undefined }],
  });
});

test('what may be given up is given up with a reason that names the operation', () => {
  const { tracker } = trackerOf();
  const reasons: Error[] = [];
  void tracker.run({ kind: 'pull', subject: 'alpine', cancel: (reason) => reasons.push(reason) }, never);
  expect(tracker.list()[0]?.isCancellable).toBe(true);
  tracker.cancel('op1');
  expect(reasons).toMatchObject([{ kind: 'cancelled', details: { id: 'op1', operation: 'pull' } }]);
});

test('what must be finished is not given up, and the refusal says why', () => {
  const { tracker } = trackerOf();
  void tracker.run({ kind: 'update', container: 'aa' }, never);
  expect(() => tracker.cancel('op1')).toThrow(/op1 \(update\) cannot be cancelled: it is all or nothing/);
  expect(() => tracker.cancel('op9')).toThrow(expect.objectContaining({ kind: 'not-found' }));
});

test('operations are counted by kind and outcome, and those under way are told', async () => {
  const { tracker, registry } = trackerOf();
  const refused = new EngineError({ kind: 'not-found', code: 'a.b', message: 'm' });
  await tracker.run({ kind: 'stop' }, async () => {});
  await tracker.run({ kind: 'stop' }, () => Promise.reject(refused)).catch(() => {});
  void tracker.run({ kind: 'update' }, never);
  const samplesOf = (name: string) => registry.collect().find((family) => family.name === name)?.samples;
  expect(
    samplesOf('isopod_operations_total')?.map(({ labels, value }) => [...labels.map(([, v]) => v), value]),
  ).toEqual([
    ['stop', 'ok', 1],
    ['stop', 'not-found', 1],
  ]);
  expect(samplesOf('isopod_operations_in_progress')).toContainEqual({
    suffix: '',
    labels: [['kind', 'update']],
    value: 1,
  });
});
