import { expect, test } from 'vitest';
import { signalNumber } from './signal.ts';

test.each([
  ['SIGTERM', 15],
  ['term', 15],
  ['9', 9],
  ['SIGRTMIN+3', 37],
  ['RTMAX-1', 63],
])('%s is signal %i', (text, number) => {
  expect(signalNumber(text)).toBe(number);
});

test.each(['', 'SIGNOPE', '0', '65', 'SIGRTMIN+31', 'SIGRTMAX-31', '-9', '1.5'])('%j is none', (text) => {
  expect(signalNumber(text)).toBeUndefined();
});
