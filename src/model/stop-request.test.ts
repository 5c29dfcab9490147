import { expect, test } from 'vitest';
import { checkStopRequest, graceMsOf, MAX_GRACE_MS } from './stop-request.ts';

test('a container has ten seconds to end by itself, unless it was given another time, or none', () => {
  expect([graceMsOf({}), graceMsOf({ stopGraceMs: 250 }), graceMsOf({ stopGraceMs: 0 })]).toEqual([10_000, 250, 0]);
});

test.each([
  [{ stopSignal: 0 }, '0 is no signal'],
  [{ stopSignal: 65 }, '65 is no signal'],
  [{ stopGraceMs: -1 }, '-1 is no whole number of milliseconds'],
  [{ stopGraceMs: 0.5 }, '0.5 is no whole number'],
  [{ stopGraceMs: MAX_GRACE_MS + 1 }, 'which is a day'],
])('%j is refused', (request, message) => {
  expect(() => checkStopRequest(request)).toThrow(message);
});
