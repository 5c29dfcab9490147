import { expect, test } from 'vitest';
import { decodeCounters, encodePerfEvents, PERF_EVENT_NAMES, SOFTWARE_EVENTS } from './perf-events.ts';

test('an event is its type and its config', () => {
  const bytes = Buffer.from(encodePerfEvents(['instructions', 'page-faults']));
  expect([0, 8, 16, 24].map((offset) => Number(bytes.readBigUInt64LE(offset)))).toEqual([0, 1, 1, 2]);
});

test('what every host counts is among the events', () => {
  for (const name of SOFTWARE_EVENTS) expect(PERF_EVENT_NAMES).toContain(name);
});

test('a count for a part of the time stands for the whole, and one that never ran for nothing', () => {
  const bytes = Buffer.alloc(72);
  for (const [index, number] of [10, 100, 100, 10, 100, 25, 10, 100, 0].entries()) {
    bytes.writeBigUInt64LE(BigInt(number), index * 8);
  }
  expect(decodeCounters(bytes)).toEqual([10, 40, 0]);
  expect(decodeCounters(bytes.subarray(0, 30))).toEqual([10]);
});
