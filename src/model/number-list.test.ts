import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatNumberList, parseNumberList } from './number-list.ts';

test.each([
  ['0', '0'],
  ['0-3,6', '0-3,6'],
  [' 3, 1 - 2,2,0 ', '0-3'],
  ['5,4,9', '4-5,9'],
])('%j is the list %s', (text, normal) => {
  expect(formatNumberList(parseNumberList('cpus', text))).toBe(normal);
});

test.each(['', ',', '1,', 'a', '3-1', '-1', '1-2-3', '0x1', '70000', '1.5', '0-99999999'])('%j is no list', (text) => {
  expect(() => parseNumberList('the CPUs', text)).toThrow(`the CPUs ${JSON.stringify(text)} is not a list`);
});

test('what is written is read again', () => {
  const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 300 }), { minLength: 1 });
  fc.assert(
    fc.property(numbers, (some) => {
      const sorted = [...some].sort((a, b) => a - b);
      expect(parseNumberList('cpus', formatNumberList(sorted))).toEqual(sorted);
    }),
  );
});
