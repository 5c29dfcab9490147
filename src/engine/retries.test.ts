import { expect, test } from 'vitest';
import type { Clock } from '../base/effects.ts';
import { MetricRegistry } from '../base/metrics.ts';
import { OperationTracker } from './diagnostics/operation-tracker.ts';
import type { EngineProblem } from './problem.ts';
import { Retries } from './retries.ts';

function retriesWithPauses() {
  const pauses: number[] = [];
  const problems: EngineProblem[] = [];
  const clock: Clock = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    sleep: async (ms) => {
      pauses.push(ms);
    },
    after: () => () => {},
  };
  const operations = new OperationTracker({ clock, registry: new MetricRegistry() });
  return { retries: new Retries(clock, (problem) => problems.push(problem), operations), pauses, operations, problems };
}

test('work that fails is tried again with growing pauses, and each failure is reported', async () => {
  const { retries, pauses, problems } = retriesWithPauses();
  let attempts = 0;
  const attempt = async (): Promise<void> => {
    attempts += 1;
    if (attempts < 9) throw new Error('not yet');
  };
  const running = retries.run({ what: 'sweeping', uid: 'aabbccddeeff', attempt });
  expect(retries.isIdle).toBe(false);
  await running;
  expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  expect(problems[0]?.what).toBe('sweeping: tried again in 1000 ms');
  expect(retries.isIdle).toBe(true);
});

test('a closed engine tries nothing again', async () => {
  const { retries } = retriesWithPauses();
  retries.close();
  let attempts = 0;
  await retries.run({
    ...{ what: 'sweeping', uid: 'aabbccddeeff' },
    attempt: async () => {
      attempts += 1;
    },
  });
  expect(attempts).toBe(0);
});
