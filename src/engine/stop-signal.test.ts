import { expect, test } from 'vitest';
import { stopSignalNumber } from './stop-signal.ts';

test.each([
  ['SIGTERM', 15],
  ['term', 15],
  ['SIGQUIT', 3],
  ['9', 9],
  ['SIGRTMIN+3', 37],
  ['RTMAX-1', 63],
])('%s is signal %i', (text, number) => {
  expect(stopSignalNumber(text)).toBe(number);
});

test.each(['', 'SIGNOPE', '0', '65', 'SIGRTMIN+31', '-9'])('%j is refused', (text) => {
  expect(() => stopSignalNumber(text)).toThrow('is none that Linux has');
});
