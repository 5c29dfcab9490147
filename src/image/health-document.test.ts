import { expect, test } from 'vitest';
import { healthOf } from './health-document.ts';

const refuse = (reason: string): never => {
  throw new Error(reason);
};
const parse = (Healthcheck: unknown) => healthOf({ Healthcheck }, refuse).health;

test.each([
  [
    ['CMD', 'a', 'b'],
    ['a', 'b'],
  ],
  [
    ['CMD-SHELL', 'a | b'],
    ['/bin/sh', '-c', 'a | b'],
  ],
])('%j is run as %j', (Test, command) => {
  expect(parse({ Test })).toEqual({ command });
});

test.each([[['NONE']], [[]], [['CMD']], [['OTHER', 'a']]])('%j asks for no check', (Test) => {
  expect(parse({ Test })).toBe(undefined);
});

test('times are nanoseconds there, and 0 is the usual', () => {
  expect(parse({ Test: ['CMD', 'a'], Interval: 5e9, Timeout: 0, StartPeriod: 1, Retries: 4 })).toEqual({
    ...{ command: ['a'], intervalMs: 5_000, startPeriodMs: 1, retries: 4 },
  });
});

test('what is none is refused', () => {
  expect(() => parse('CMD a')).toThrow('Healthcheck');
  expect(healthOf({}, refuse)).toEqual({});
});
