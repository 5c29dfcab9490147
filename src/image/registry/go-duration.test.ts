import { expect, test } from 'vitest';
import { goDurationMs } from './go-duration.ts';

test.each([
  ['3s', 3000],
  ['1m30s', 90_000],
  ['1h2m3.5s', 3_723_500],
  ['.5s', 500],
  ['1.s', 1000],
  ['250ms', 250],
  ['100us', 0.1],
  ['100µs', 0.1],
  ['+2s', 2000],
  ['0', 0],
  ['0s', 0],
])('%s is %d ms', (text, ms) => {
  expect(goDurationMs(text)).toBeCloseTo(ms, 6);
});

test.each(['', '3', 's', '-1s', '1 s', '3s4', '1d', 'soon', '.s', '+'])('%j is no time', (text) => {
  expect(goDurationMs(text)).toBeUndefined();
});
