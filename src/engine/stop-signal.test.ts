import { expect, test } from 'vitest';
import { stopSignalOf } from './stop-signal.ts';

test('what was asked for wins over what the image says, and SIGTERM is sent where neither says anything', () => {
  expect(stopSignalOf(2, 'SIGQUIT')).toBe(2);
  expect(stopSignalOf(undefined, 'SIGQUIT')).toBe(3);
  expect(stopSignalOf(undefined, undefined)).toBe(15);
});

test('an empty stop signal of an image is none', () => {
  expect(stopSignalOf(undefined, '')).toBe(15);
});

test('a signal that Linux has not is refused, unless it is not needed', () => {
  expect(() => stopSignalOf(undefined, 'SIGNOPE')).toThrow('is none that Linux has');
  expect(stopSignalOf(15, 'SIGNOPE')).toBe(15);
});
