import { expect, test } from 'vitest';
import { type Worker, workerErrors } from '../linux/helper-worker.ts';
import { StepRunner } from './step-runner.ts';

/** A clock on which the test lets the time of every deadline run out at once. */
function clockOf() {
  const alarms = new Set<() => void>();
  return {
    nowMs: () => 0,
    monotonicMs: () => 0,
    sleep: () => new Promise<void>(() => {}),
    after: (_delayMs: number, alarm: () => void) => {
      alarms.add(alarm);
      return () => alarms.delete(alarm);
    },
    ring: () => {
      for (const alarm of alarms) alarm();
    },
  };
}

/** Workers whose runs settle when the test says so. */
function workersOf(run: (number: number) => Promise<void>) {
  const taken: { runs: number; closed: boolean }[] = [];
  const takeWorker = async (): Promise<Worker> => {
    const state = { runs: 0, closed: false };
    taken.push(state);
    return {
      run: () => {
        state.runs += 1;
        return run(taken.flatMap(({ runs }) => runs).reduce((sum, runs) => sum + runs, 0));
      },
      close: () => {
        state.closed = true;
      },
    } as unknown as Worker;
  };
  return { taken, takeWorker };
}

test('a worker is kept for the next list of steps, and let go at the end', async () => {
  const { taken, takeWorker } = workersOf(async () => {});
  const runner = new StepRunner({ clock: clockOf(), takeWorker, width: 2 });
  await runner.run([]);
  await runner.run([]);
  expect(taken).toEqual([{ runs: 2, closed: false }]);
  runner.close();
  expect(taken).toEqual([{ runs: 2, closed: true }]);
});

test('a kept worker that is gone is replaced, and the steps are run again', async () => {
  const { taken, takeWorker } = workersOf(async (number) => {
    if (number === 2) throw workerErrors.gone({ during: 'run' });
  });
  const runner = new StepRunner({ clock: clockOf(), takeWorker, width: 1 });
  await runner.run([]);
  await runner.run([]);
  expect(taken).toEqual([
    { runs: 2, closed: true },
    { runs: 1, closed: false },
  ]);
});

test('workers that are gone are replaced, but not for ever', async () => {
  const { taken, takeWorker } = workersOf(async () => {
    throw workerErrors.gone({ during: 'run' });
  });
  const runner = new StepRunner({ clock: clockOf(), takeWorker, width: 1 });
  await expect(runner.run([])).rejects.toMatchObject({ code: 'helper-worker.gone' });
  expect(taken).toEqual(Array(10).fill({ runs: 1, closed: true }));
});

test('a failed step is an error, and costs no worker', async () => {
  const details = { by: 'engine', step: 'remove-tree', detail: '/x', errno: 5 };
  const { taken, takeWorker } = workersOf(async () => {
    throw workerErrors.stepFailed(details);
  });
  const runner = new StepRunner({ clock: clockOf(), takeWorker, width: 1 });
  await expect(runner.run([])).rejects.toMatchObject({ code: 'helper-worker.stepFailed' });
  await expect(runner.run([])).rejects.toMatchObject({ code: 'helper-worker.stepFailed' });
  expect(taken).toEqual([{ runs: 2, closed: false }]);
});

test('no more lists run at once than the width', async () => {
  const gates: (() => void)[] = [];
  const { taken, takeWorker } = workersOf(() => new Promise((resolve) => gates.push(resolve)));
  const runner = new StepRunner({ clock: clockOf(), takeWorker, width: 2 });
  const runs = [runner.run([]), runner.run([]), runner.run([])];
  await new Promise((resolve) => setImmediate(resolve));
  expect(gates.length).toBe(2);
  gates.shift()?.();
  await runs[0];
  await new Promise((resolve) => setImmediate(resolve));
  for (const open of gates) open();
  await Promise.all(runs);
  expect(taken.length).toBe(2);
});

test('who comes in the very moment that a place gets free does not make it one too many', async () => {
  const gates: (() => void)[] = [];
  let running = 0;
  let most = 0;
  const { takeWorker } = workersOf(async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise<void>((resolve) => gates.push(resolve));
    running -= 1;
  });
  const runner = new StepRunner({ clock: clockOf(), takeWorker, width: 1 });
  const runs = [runner.run([]), runner.run([])];
  await new Promise((resolve) => setImmediate(resolve));
  const comeAfter = async (turns: number): Promise<void> => {
    for (let turn = 0; turn < turns; turn++) await null;
    await runner.run([]);
  };
  gates.shift()?.();
  for (let turns = 0; turns < 20; turns++) runs.push(comeAfter(turns));
  do {
    await new Promise((resolve) => setImmediate(resolve));
    gates.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  } while (running > 0);
  await Promise.all(runs);
  expect(most).toBe(1);
});

test('steps that hang end with an error, and their worker does not come back', async () => {
  const { taken, takeWorker } = workersOf(() => new Promise(() => {}));
  const clock = clockOf();
  const runner = new StepRunner({ clock, takeWorker, width: 1 });
  const hanging = runner.run([]);
  await new Promise((resolve) => setImmediate(resolve));
  clock.ring();
  await expect(hanging).rejects.toMatchObject({ kind: 'deadline-exceeded' });
  expect(taken).toEqual([{ runs: 1, closed: true }]);
});

test('what was measured is told, by a worker that is kept', async () => {
  const clock = clockOf();
  let taken = 0;
  const takeWorker = async (): Promise<Worker> => {
    taken += 1;
    const measure: Worker['measure'] = async ({ paths }) => ({ bytes: paths.length, entries: 0, unread: 0 });
    return { measure } as unknown as Worker;
  };
  const runner = new StepRunner({ clock, takeWorker, width: 1 });
  const told = await Promise.all([['/a'], ['/a', '/b']].map((paths) => runner.measure({ paths })));
  expect({ bytes: told.map(({ bytes }) => bytes), taken }).toEqual({ bytes: [1, 2], taken: 1 });
});
