import { expect, test } from 'vitest';
import { parsePressure } from './pressure.ts';

const SOME = 'some avg10=1.50 avg60=0.25 avg300=0.00 total=12345\n';
const some = { percent10s: 1.5, percent60s: 0.25, percent300s: 0, totalUs: 12345 };

test('pressure is read, with and without the second line', () => {
  const full = { ...some, percent10s: 0, totalUs: 7 };
  expect(parsePressure(`${SOME}full avg10=0.00 avg60=0.25 avg300=0.00 total=7\n`)).toEqual({ some, full });
  expect(parsePressure(SOME)).toEqual({ some });
});

test.each(['', 'max\n', 'some avg10=x avg60=0.25 avg300=0.00 total=1\n'])('%j is no pressure', (text) => {
  expect(parsePressure(text)).toBeUndefined();
});
