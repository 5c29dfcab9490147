import { expect, test } from 'vitest';
import { parseNetClass, parseNetClassRange } from './net-class.ts';

test.each([
  ['10:1', 0x10_0001],
  ['ffff:FFFF', 0xffff_ffff],
  ['1:0', 0x1_0000],
  ['0:0', undefined],
  ['10', undefined],
  ['10000:1', undefined],
  ['g:1', undefined],
])('%s is the class %s', (text, classId) => {
  expect(parseNetClass(text)).toBe(classId);
});

test.each([
  ['10:1-ffff', { major: 0x10, first: 1, last: 0xffff }],
  ['1:5-5', { major: 1, first: 5, last: 5 }],
  ['0:1-2', undefined],
  ['10:0-2', undefined],
  ['10:3-2', undefined],
  ['10:1', undefined],
])('%s is the range %j', (text, range) => {
  expect(parseNetClassRange(text)).toEqual(range);
});
