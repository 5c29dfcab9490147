import { expect, test } from 'vitest';
import { groupedContainer, HOST, planInput } from '../isolator.fixture.ts';
import { cgroupsPerfEvent } from './perf-event.ts';

test("the kernel's own events are counted unless the agent was told others", () => {
  const counters = (events?: readonly string[]) => cgroupsPerfEvent(events).plan(planInput()).cgroup?.counters;
  expect(counters()).toEqual(['task-clock', 'context-switches', 'cpu-migrations', 'page-faults']);
  expect(counters(['cycles', 'instructions'])).toEqual(['cycles', 'instructions']);
});

test('it takes part only when it is named', () => {
  expect(cgroupsPerfEvent().appliesTo?.(planInput().config, HOST)).toBe(false);
});

test.each([
  [['cycle'], 'event "cycle" is not one of cycles,'],
  [[], '0 events are to be counted, and 1 to 16 can be'],
  [Array.from({ length: 17 }, () => 'cycles'), '17 events are to be counted'],
])('%j is refused when the agent starts', (events, message) => {
  expect(() => cgroupsPerfEvent(events)).toThrow(message);
});

test('usage tells each event by the name that the plan has for it', async () => {
  const bytes = Buffer.alloc(48);
  for (const [index, number] of [7, 1, 1, 9, 1, 1].entries()) bytes.writeBigUInt64LE(BigInt(number), index * 8);
  const perf_event = { path: '/cg/x', version: 2, counters: ['cycles', 'page-faults'] } as const;
  const container = { ...groupedContainer(2), groups: { perf_event }, readCounters: async () => bytes };
  expect(await cgroupsPerfEvent(['task-clock']).usage?.(container)).toEqual({
    'perf.cycles': 7,
    'perf.page-faults': 9,
  });
});
