import { expect, test } from 'vitest';
import { encodeIoPriority, encodeMemoryPolicy, encodeScheduler, rlimitNumber } from './process-settings.ts';

test('no limit is the greatest number', () => {
  expect(rlimitNumber('unlimited')).toBe(2n ** 64n - 1n);
  expect(rlimitNumber(5)).toBe(5);
});

test('a negative nice is its two s complement', () => {
  expect(encodeScheduler({ policy: 'other', nice: -5 }).nice).toBe(2n ** 64n - 5n);
});

test('a process under deadline may fork: its children are ordinary ones', () => {
  const scheduler = { policy: 'deadline', runtimeNs: 1, deadlineNs: 2, periodNs: 3 } as const;
  expect(encodeScheduler(scheduler)).toMatchObject({ policy: 6, flags: 1, runtimeNs: 1, deadlineNs: 2, periodNs: 3 });
});

test('class and level are packed as ioprio_set takes them', () => {
  expect(encodeIoPriority({ class: 'best-effort', level: 4 })).toBe(0x4004);
});

test('nodes are a bit set, lowest byte first', () => {
  expect(encodeMemoryPolicy({ mode: 'bind', nodes: [0, 9] })).toEqual({ mode: 2, nodes: Uint8Array.of(1, 2) });
  expect(encodeMemoryPolicy({ mode: 'local', nodes: [] }).nodes).toHaveLength(0);
});
