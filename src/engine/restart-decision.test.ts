import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RestartPolicy } from '../model/restart-policy.ts';
import {
  BACK_OFF,
  backOffMs,
  inNextLife,
  NEVER_RESTARTED,
  nextRestart,
  type RestartEvent,
  type RestartState,
} from './restart-decision.ts';

const ALWAYS: RestartPolicy = { kind: 'always' };
const UNLESS_STOPPED: RestartPolicy = { kind: 'unless-stopped' };
const ON_FAILURE: RestartPolicy = { kind: 'on-failure' };
const THRICE: RestartPolicy = { kind: 'on-failure', maximum: 3 };

const ended = (failed: boolean, atMs = 1_000, startedAtMs = atMs - 5): RestartEvent => ({
  kind: 'ended',
  failed,
  atMs,
  startedAtMs,
});
const after = (
  policy: RestartPolicy | undefined,
  event: RestartEvent,
  state = NEVER_RESTARTED,
  nowMs = 1_000,
): RestartState => nextRestart(policy, state, { event, nowMs });
const STOPPED: RestartState = { ...NEVER_RESTARTED, isStopped: true };

test.each([
  ['no policy', undefined, true, false],
  ['no', { kind: 'no' } as RestartPolicy, true, false],
  ['always, after a good end', ALWAYS, false, true],
  ['always, after a bad one', ALWAYS, true, true],
  ['unless-stopped', UNLESS_STOPPED, false, true],
  ['on-failure, after a good end', ON_FAILURE, false, false],
  ['on-failure, after a bad one', ON_FAILURE, true, true],
])('%s', (_, policy, failed, isDue) => {
  expect(after(policy, ended(failed)).dueAtMs !== undefined).toBe(isDue);
});

test.each([ALWAYS, UNLESS_STOPPED, ON_FAILURE])('what somebody has stopped is not started again: $kind', (policy) => {
  expect(after(policy, ended(true), STOPPED).dueAtMs).toBe(undefined);
  const waiting = after(policy, ended(true));
  expect(after(policy, { kind: 'stopped' }, waiting)).toMatchObject({ isStopped: true, dueAtMs: undefined });
});

test('the pause doubles with each end that comes too soon, and begins anew after a time of running well', () => {
  let state = NEVER_RESTARTED;
  const pauses: number[] = [];
  for (const ranMs of [5, 5, 5, BACK_OFF.wellMs, 5]) {
    const atMs = (state.dueAtMs ?? 0) + ranMs;
    state = after(ALWAYS, ended(true, atMs, atMs - ranMs), state, atMs);
    pauses.push((state.dueAtMs ?? 0) - atMs);
  }
  expect(pauses).toEqual([100, 200, 400, 100, 200]);
  expect(backOffMs(1_000)).toBe(60_000);
});

test('an end in the very moment of the last one is still another, after a life between', () => {
  const first = after(ALWAYS, ended(true));
  expect(after(ALWAYS, ended(true), inNextLife(first)).count).toBe(2);
});

test('a maximum is of all restarts', () => {
  let state = NEVER_RESTARTED;
  for (let atMs = 1; atMs <= 3; atMs++) state = after(THRICE, ended(true, atMs), state, atMs);
  expect(state).toMatchObject({ count: 3, dueAtMs: expect.any(Number) });
  expect(after(THRICE, ended(true, 4), state)).toMatchObject({ count: 3, dueAtMs: undefined });
});

test('one end is decided about once', () => {
  const once = after(ALWAYS, ended(true));
  expect(after(ALWAYS, ended(true), once, 5_000)).toEqual(once);
});

test.each([
  ['always, stopped in the boot before', ALWAYS, STOPPED, false, true],
  ['unless-stopped, stopped', UNLESS_STOPPED, STOPPED, false, false],
  ['unless-stopped, ended by itself', UNLESS_STOPPED, NEVER_RESTARTED, false, true],
  ['on-failure, ended well', ON_FAILURE, NEVER_RESTARTED, false, false],
  ['on-failure, ended badly', ON_FAILURE, NEVER_RESTARTED, true, true],
  ['on-failure, at its maximum', THRICE, { ...NEVER_RESTARTED, count: 3 }, true, false],
])('after a boot: %s', (_, policy, state, failed, isDue) => {
  const next = after(
    policy as RestartPolicy,
    { kind: 'booted', failed: failed as boolean, endedAtMs: 1 },
    state as RestartState,
    70,
  );
  expect(next.dueAtMs).toBe(isDue ? 70 : undefined);
});

test('another policy is for the ends to come, and takes back what it would not have begun', () => {
  const ends: RestartEvent = { kind: 'changed', endedAtMs: 1_000 };
  const over = after(undefined, ended(false));
  const changed = after(ALWAYS, ends, over);
  expect(changed.dueAtMs).toBe(undefined);
  expect(after(ALWAYS, ended(false), changed).dueAtMs).toBe(undefined);
  const waiting = after(ALWAYS, ended(true));
  expect(after(UNLESS_STOPPED, ends, waiting).dueAtMs).toBe(waiting.dueAtMs);
  expect(after(undefined, ends, waiting).dueAtMs).toBe(undefined);
});

const anyPolicy = fc.constantFrom(undefined, ALWAYS, UNLESS_STOPPED, ON_FAILURE, THRICE);
const anyEvent: fc.Arbitrary<RestartEvent> = fc.oneof(
  fc.record({ kind: fc.constant('ended' as const), failed: fc.boolean(), startedAtMs: fc.nat(1e6), atMs: fc.nat(1e6) }),
  fc.constant({ kind: 'stopped' } as const),
  fc.record({ kind: fc.constant('booted' as const), failed: fc.boolean(), endedAtMs: fc.nat(1e6) }),
  fc.record({ kind: fc.constant('changed' as const), endedAtMs: fc.option(fc.nat(1e6), { nil: undefined }) }),
);

test('whatever happens: nothing that is stopped is due, a pause is bounded, counts only grow and keep to their maximum', () => {
  fc.assert(
    fc.property(anyPolicy, fc.array(anyEvent, { maxLength: 40 }), (policy, events) => {
      let state = NEVER_RESTARTED;
      let nowMs = 0;
      for (const event of events) {
        nowMs += 1;
        const next = nextRestart(policy, state, { event, nowMs });
        if (next.isStopped) expect(next.dueAtMs).toBe(undefined);
        if (policy === undefined) expect(next.dueAtMs).toBe(undefined);
        if (next.dueAtMs !== undefined) expect(next.dueAtMs - nowMs).toBeLessThanOrEqual(BACK_OFF.lastMs);
        expect(next.count - state.count).toBeGreaterThanOrEqual(0);
        expect(next.count - state.count).toBeLessThanOrEqual(1);
        if (policy === THRICE) expect(next.count).toBeLessThanOrEqual(3);
        expect(nextRestart(policy, next, { event, nowMs }).count).toBeLessThanOrEqual(next.count + 1);
        state = next;
      }
    }),
  );
});

test('hearing of an end twice changes nothing, whatever was before', () => {
  const anyState = fc.record({ count: fc.nat(9), streak: fc.nat(40), isStopped: fc.boolean() });
  fc.assert(
    fc.property(anyPolicy, anyState, fc.boolean(), fc.nat(1e6), (policy, state, failed, atMs) => {
      const once = after(policy, ended(failed, atMs), state);
      expect(after(policy, ended(failed, atMs), once, 9_999)).toEqual(once);
    }),
  );
});

test('who is asked for is due at once, counts anew, and is nobody who was stopped', () => {
  const before = { count: 3, streak: 2, isStopped: true, decidedAtMs: 5 };
  const asked = nextRestart(undefined, before, { event: { kind: 'asked', endedAtMs: 5 }, nowMs: 9 });
  expect(asked).toMatchObject({ count: 0, streak: 0, isStopped: false, dueAtMs: 9, decidedAtMs: 5 });
  // The same end, heard of again.
  const again = { kind: 'ended', failed: false, atMs: 5 } as const;
  expect(nextRestart(undefined, asked, { event: again, nowMs: 10 })).toBe(asked);
});

test('a wish for one that runs is for its end, and for that one alone', () => {
  const wished = nextRestart(undefined, NEVER_RESTARTED, { event: { kind: 'asked' }, nowMs: 9 });
  expect(wished.dueAtMs).toBe(undefined);
  const ended = nextRestart(undefined, wished, { event: { kind: 'ended', failed: false, atMs: 11 }, nowMs: 12 });
  expect(ended).toMatchObject({ dueAtMs: 12, count: 0 });
  const later = nextRestart(undefined, ended, { event: { kind: 'ended', failed: false, atMs: 20 }, nowMs: 21 });
  expect(later.dueAtMs).toBe(undefined);
});

test('a stop calls a wish off', () => {
  const wished = nextRestart(undefined, NEVER_RESTARTED, { event: { kind: 'asked', endedAtMs: 1 }, nowMs: 9 });
  const stopped = nextRestart(undefined, wished, { event: { kind: 'stopped' }, nowMs: 10 });
  expect(stopped).toMatchObject({ isStopped: true });
  expect([stopped.dueAtMs, stopped.isAsked]).toEqual([undefined, undefined]);
});
