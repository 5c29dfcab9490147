import { expect, test } from 'vitest';
import { parseBound, parseFlatKeyed } from './cgroup-values.ts';

test('flat keyed files are parsed, other lines left out', () => {
  expect([...parseFlatKeyed('oom 1\noom_kill 2\nmax x\n\n')]).toEqual([
    ['oom', 1],
    ['oom_kill', 2],
  ]);
});

test.each([
  ['max\n', undefined],
  ['9223372036854771712\n', undefined],
  ['67108864\n', 67108864],
  ['0\n', 0],
  ['', undefined],
  ['-1', undefined],
])('%j is the bound %s', (text, bound) => {
  expect(parseBound(text)).toBe(bound);
});
