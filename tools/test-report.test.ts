import { expect, test } from 'vitest';
import { summary } from './test-report.ts';

const file = (
  name: string,
  ...assertionResults: { fullName: string; status: string; failureMessages?: string[] }[]
) => ({
  ...{ name, assertionResults },
});

test('each failed test is named at the end, with its file and its reason', () => {
  const { lines, failed } = summary([
    {
      testResults: [
        file('a.test.ts', { fullName: 'one', status: 'passed', failureMessages: [] }),
        file('b.test.ts', { fullName: 'two', status: 'failed', failureMessages: ['expected 1\nto be 2'] }),
      ],
    },
  ]);
  expect(failed).toBe(1);
  expect(lines).toEqual(['failed: two (b.test.ts)\n    expected 1\n    to be 2', '1 passed, 1 failed, 0 skipped']);
});

test('a test that passed at its second attempt counts as passed and is named, with why the first did not', () => {
  const { lines, failed } = summary([
    { testResults: [file('a', { fullName: 'one', status: 'passed', failureMessages: ['too late'] })] },
  ]);
  expect(failed).toBe(0);
  expect(lines).toEqual(['passed when tried again: one\n    too late', '1 passed, 0 failed, 0 skipped, 1 tried again']);
});

test('a file that fails before its tests is a failure', () => {
  const broken = { name: 'a', status: 'failed', message: 'no such module', assertionResults: [] };
  const { lines, failed } = summary([{ testResults: [broken] }]);
  expect(failed).toBe(1);
  expect(lines[0]).toBe('failed: a\n    no such module');
});

test('what was skipped is named', () => {
  const { lines, skipped } = summary([{ testResults: [file('a', { fullName: 'one', status: 'pending' })] }]);
  expect(skipped).toBe(1);
  expect(lines).toEqual(['skipped: one', '0 passed, 0 failed, 1 skipped']);
});
