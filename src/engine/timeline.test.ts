import { expect, test } from 'vitest';
import { Timeline } from './timeline.ts';

test("the monitor's milestones stand among ours, counted from the moment of sending", () => {
  let now = 100;
  const timeline = new Timeline({
    nowMs: () => 0,
    monotonicMs: () => now,
    sleep: async () => {},
    after: () => () => {},
  });
  now = 101;
  timeline.mark('sent');
  now = 105;
  timeline.mark('started');
  expect(timeline.merged('sent', new Map([['exec', 3_000]]))).toEqual([
    { name: 'sent', microseconds: 1_000 },
    { name: 'monitor: exec', microseconds: 4_000 },
    { name: 'started', microseconds: 5_000 },
  ]);
});
