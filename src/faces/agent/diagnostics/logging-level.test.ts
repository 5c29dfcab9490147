import { expect, test } from 'vitest';
import type { Clock } from '../../../base/effects.ts';
import { LoggingLevel } from './logging-level.ts';

function levelWithTime() {
  const due = new Map<number, () => void>();
  let count = 0;
  const clock: Clock = {
    nowMs: () => 1_000,
    monotonicMs: () => 0,
    sleep: async () => {},
    after: (_, run) => {
      count += 1;
      const id = count;
      due.set(id, run);
      return () => due.delete(id);
    },
  };
  const log = { level: 'info' };
  const pass = (): void => {
    for (const run of due.values()) run();
    due.clear();
  };
  return { logging: new LoggingLevel(clock, log), log, pass, due };
}

test('a level that is set stays', () => {
  const { logging, log, due } = levelWithTime();
  logging.set('debug');
  expect([log.level, logging.status, due.size]).toEqual(['debug', { level: 'debug' }, 0]);
});

test('a level that is set for a time is taken back when it is over', () => {
  const { logging, log, pass } = levelWithTime();
  logging.set('debug', 5_000);
  expect(logging.status).toEqual({ level: 'debug', until: { atMs: 6_000, former: 'info' } });
  pass();
  expect([log.level, logging.status]).toEqual(['info', { level: 'info' }]);
});

test('one that is set meanwhile falls back to the level before both, and its own time counts', () => {
  const { logging, log, pass, due } = levelWithTime();
  logging.set('debug', 5_000);
  logging.set('trace', 9_000);
  expect(logging.status).toEqual({ level: 'trace', until: { atMs: 10_000, former: 'info' } });
  expect(due.size).toBe(1);
  pass();
  expect(log.level).toBe('info');
});

test('one that is set for good meanwhile stays', () => {
  const { logging, log, pass } = levelWithTime();
  logging.set('debug', 5_000);
  logging.set('warn');
  pass();
  expect(log.level).toBe('warn');
});

test('a closed one leaves no timer behind', () => {
  const { logging, due } = levelWithTime();
  logging.set('debug', 5_000);
  logging.close();
  expect(due.size).toBe(0);
});
