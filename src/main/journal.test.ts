import { expect, test } from 'vitest';
import { isJournal, journalLine } from './journal.ts';

const stderrIs = (link: string) => ({ readLink: async () => link });

test('stderr is the journal where the variable names its socket', async () => {
  expect(await isJournal(stderrIs('socket:[4711]'), { JOURNAL_STREAM: '8:4711' })).toBe(true);
});

test.each([
  ['stderr was redirected', 'socket:[12]', '8:4711'],
  ['stderr is a file', '/var/log/x', '8:4711'],
  ['nothing was said', 'socket:[4711]', undefined],
  ['something else was said', 'socket:[4711]', '4711'],
])('it is not where %s', async (_, link, stream) => {
  expect(await isJournal(stderrIs(link), { JOURNAL_STREAM: stream })).toBe(false);
});

test.each([
  [60, 2],
  [50, 3],
  [40, 4],
  [30, 6],
  [20, 7],
])('a line of level %i has priority %i', (level, priority) => {
  const line = `{"level":${level},"msg":"x"}\n`;
  expect(journalLine(line)).toBe(`<${priority}>${line}`);
});
