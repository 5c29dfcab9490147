import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { HealthCheck } from '../model/health.ts';
import { type HealthState, MAX_KEPT_PROBES, nextHealth, probeDelayMs, STARTING } from './health-decision.ts';

const CHECK: HealthCheck = {
  ...{ command: ['true'], intervalMs: 1_000, timeoutMs: 100, startPeriodMs: 5_000, startIntervalMs: 200 },
  ...{ retries: 3, onFailure: 'none' },
};

function after(results: readonly (readonly [number, boolean])[], check = CHECK): HealthState {
  return results.reduce<HealthState>((state, [startedAtMs, ok]) => {
    const result = { startedAtMs, endedAtMs: startedAtMs + 1, ok, exitCode: ok ? 0 : 1, output: '' };
    return nextHealth(check, state, { result, startedAtMs: 0 });
  }, STARTING);
}

test('one good probe makes it healthy, so many bad ones in a row unhealthy', () => {
  expect(after([[6_000, true]]).status).toBe('healthy');
  expect(
    after([
      [6_000, true],
      [7_000, false],
      [8_000, false],
    ]),
  ).toMatchObject({ status: 'healthy', failingStreak: 2 });
  expect(
    after([
      [6_000, false],
      [7_000, false],
      [8_000, false],
    ]).status,
  ).toBe('unhealthy');
  expect(
    after([
      [6_000, false],
      [7_000, false],
      [8_000, false],
      [9_000, true],
    ]),
  ).toMatchObject({
    ...{ status: 'healthy', failingStreak: 0 },
  });
});

test('failures of the time after its start do not count, until one probe went well', () => {
  expect(
    after([
      [1_000, false],
      [2_000, false],
      [3_000, false],
      [4_000, false],
    ]),
  ).toMatchObject({
    ...{ status: 'starting', failingStreak: 0 },
  });
  expect(
    after([
      [1_000, true],
      [2_000, false],
      [3_000, false],
      [4_000, false],
    ]).status,
  ).toBe('unhealthy');
});

test('probes are closer together in that time, and spread by a tenth at most', () => {
  const at = (state: HealthState, atMs: number, chance = 0) =>
    probeDelayMs(CHECK, state, { startedAtMs: 0, atMs, chance });
  expect(at(STARTING, 0)).toBe(200);
  expect(at(STARTING, 5_000)).toBe(1_000);
  expect(at(after([[100, true]]), 200)).toBe(1_000);
  expect(at(STARTING, 5_000, 1)).toBe(1_100);
});

test('whatever the probes say: the last five are kept, and unhealthy is what has failed often enough in a row', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 30 }), fc.integer({ min: 1, max: 5 }), (oks, retries) => {
      const check = { ...CHECK, startPeriodMs: 0, retries };
      const state = after(
        oks.map((ok, index) => [index, ok] as const),
        check,
      );
      const streak = oks.length - 1 - oks.lastIndexOf(true);
      expect(state.failingStreak).toBe(streak);
      expect(state.status === 'unhealthy').toBe(streak >= retries);
      expect(state.probes.length).toBe(Math.min(oks.length, MAX_KEPT_PROBES));
    }),
  );
});
