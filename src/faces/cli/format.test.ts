import { expect, test } from 'vitest';
import { table, visible } from './format.ts';

test('control characters are shown, not sent to the terminal', () => {
  expect(visible('a\x1b]0;title\x07b\x9bm\x7f')).toBe('a\\x1b]0;title\\x07b\\x9bm\\x7f');
});

test('lines, tabs and letters of all languages stay as they are', () => {
  expect(visible('zwei\n\tŻółw 漢字')).toBe('zwei\n\tŻółw 漢字');
});

test('a cell of a table cannot leave its line', () => {
  expect(table(['NAME'], [['a\nb\x1b[2J']])).toBe('NAME\na b\\x1b[2J\n');
});
