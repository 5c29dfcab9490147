import { expect, test } from 'vitest';
import type { ExitStatus, Limitation } from '../model/exit-status.ts';
import { terminationOf } from './termination.ts';

const LIMITATION = {
  isolator: 'cgroups/memory',
  resource: 'memory',
  times: 1,
  message: 'memory limit of 64 MiB reached (64 MiB in use)',
} as const;
const SIGKILLED: ExitStatus = { kind: 'signaled', signal: 9, coreDumped: false };

function termination(exitStatus: ExitStatus, limitations: readonly Limitation[] = []) {
  return terminationOf({ end: { exitStatus, atMs: 20, outputComplete: true }, limitations, startedAtMs: 10 });
}

test('a command that exits is told with its code and times', () => {
  expect(termination({ kind: 'exited', code: 3 })).toEqual({
    ...{ exitStatus: { kind: 'exited', code: 3 }, reason: 'exited', message: 'exited with code 3' },
    ...{ limitations: [], startedAtMs: 10, finishedAtMs: 20 },
  });
});

test('a signal is told by number and name', () => {
  expect(termination(SIGKILLED)).toMatchObject({ reason: 'killed', message: 'ended by signal 9 (SIGKILL)' });
});

test('a bound that was hit is the reason of a bad end, in its own words', () => {
  expect(termination(SIGKILLED, [LIMITATION])).toMatchObject({ reason: 'limitation', message: LIMITATION.message });
  expect(termination({ kind: 'exited', code: 1 }, [LIMITATION])).toMatchObject({ reason: 'limitation' });
});

test('a command that ended well in spite of a bound is not said to have ended by it', () => {
  const told = termination({ kind: 'exited', code: 0 }, [LIMITATION]);
  expect(told).toMatchObject({ reason: 'exited', limitations: [LIMITATION] });
});

test('a limit of processes may make a command give up, and kills nobody', () => {
  const pids: Limitation = {
    isolator: 'cgroups/pids',
    resource: 'pids',
    times: 2,
    message: 'the limit of 3 processes',
  };
  expect(termination(SIGKILLED, [pids])).toMatchObject({ reason: 'killed', limitations: [pids] });
  expect(termination({ kind: 'exited', code: 2 }, [pids])).toMatchObject({
    reason: 'limitation',
    message: pids.message,
  });
  expect(termination(SIGKILLED, [pids, LIMITATION])).toMatchObject({ message: LIMITATION.message });
});

test('an end that nobody saw is lost, whatever bound was hit', () => {
  expect(termination({ kind: 'lost' }, [LIMITATION])).toMatchObject({ reason: 'lost' });
});

test('what a signal ended together with what it lived in says so', () => {
  const end = { exitStatus: SIGKILLED, atMs: 20, outputComplete: true };
  const told = terminationOf({ end, limitations: [], startedAtMs: 10, endedWith: 'web' });
  expect(told).toMatchObject({
    reason: 'parent-ended',
    message: 'ended by signal 9 (SIGKILL) with container web, which it lived in',
  });
  expect(terminationOf({ end, limitations: [LIMITATION], startedAtMs: 10, endedWith: 'web' }).reason).toBe(
    'limitation',
  );
});
