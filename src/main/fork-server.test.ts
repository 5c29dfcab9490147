import { expect, test } from 'vitest';
import { startInGroups } from './fork-server.ts';

const GROUPS = ['/cg/cpu/isopod-x/engine', '/cg/memory/isopod-x/engine'];

/** A start that fails so many times, after which a group is there or gone. */
function starting(failures: number, areThere: boolean) {
  let starts = 0;
  const files = { exists: async (path: string) => areThere || path !== GROUPS[1] };
  const start = async (): Promise<void> => {
    starts += 1;
    if (starts <= failures) throw new Error('the fork server ended with code 1');
  };
  return { run: () => startInGroups(files, GROUPS, start), count: () => starts };
}

test('a fork server whose groups an ending one has taken away is started again', async () => {
  const { run, count } = starting(2, false);
  await run();
  expect(count()).toBe(3);
});

test.each([
  ['whose groups are there', 1, true, 1],
  ['whose groups go each time', 9, false, 3],
])('one %s fails with its own error', async (_what, failures, areThere, starts) => {
  const { run, count } = starting(failures, areThere);
  await expect(run()).rejects.toThrow('ended with code 1');
  expect(count()).toBe(starts);
});
