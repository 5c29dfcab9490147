import { expect, test } from 'vitest';
import { memoryFiles } from '../base/memory-files.fixture.ts';
import { isStaying, parseStat, processTree, treeUse } from './process-tree.ts';

const stat = (pid: number, parent: number, name = 'sh') =>
  `${pid} (${name}) S ${parent} 1 1 0 -1 4194304 1 2 3 4 10 20 30 40 20 0 5 0 100 8192 7 18446744073709551615 0`;

test('fields are counted behind a name that holds parentheses and spaces', () => {
  expect(parseStat(9, stat(9, 8, 'a) (b c'))).toEqual({
    ...{ pid: 9, parent: 8, flags: 4194304, ticks: 100, reapedTicks: 70, startTime: 100, threads: 5, residentPages: 7 },
  });
});

test('all below the monitor belong to the container, orphans too', async () => {
  const files = memoryFiles({
    '/proc/11/stat': stat(11, 10),
    '/proc/12/stat': stat(12, 11),
    '/proc/13/stat': stat(13, 10),
    '/proc/10/cmdline': 'isopod-helper monitor 0123456789ab',
    '/proc/10/task/10/children': '11 13 ',
    '/proc/11/task/11/children': '12 ',
    '/proc/12/task/12/children': '',
    '/proc/13/task/13/children': '14 ',
  });
  const found = (await processTree(files, 11)).map(({ pid }) => pid);
  expect([...found].sort()).toEqual([11, 12, 13]);
});

test('what a killed monitor leaves to the fork server is not counted with what else is below that', async () => {
  const files = memoryFiles({
    '/proc/11/stat': stat(11, 10),
    '/proc/10/stat': stat(10, 1),
    '/proc/10/cmdline': 'isopod-helper fork-server',
    '/proc/10/task/10/children': '11 12 ',
  });
  expect(await processTree(files, 11)).toEqual([]);
  expect(await treeUse(files, { pid: 11, startTime: 100n })).toBeUndefined();
});

test('a first process that has ended has no tree that could be found', async () => {
  expect(await processTree(memoryFiles({}), 11)).toEqual([]);
});

test('the time of what the monitor has reaped counts, and another process with the same pid is none of it', async () => {
  const files = memoryFiles({
    '/proc/10/cmdline': 'isopod-helper monitor 0123456789ab',
    '/proc/10/stat': stat(10, 1),
    '/proc/11/stat': stat(11, 10),
    '/proc/10/task/10/children': '11 ',
    '/proc/11/task/11/children': '',
  });
  expect(await treeUse(files, { pid: 11, startTime: 100n })).toMatchObject({ ticks: 170, processes: [{ pid: 11 }] });
  expect(await treeUse(files, { pid: 11, startTime: 99n })).toBeUndefined();
});

test('a process is staying until it has begun to end, and never when another has its pid', async () => {
  const text = stat(11, 10);
  const at = { pid: 11, startTime: 100n };
  expect(await isStaying(memoryFiles({ '/proc/11/stat': text }), at)).toBe(true);
  expect(await isStaying(memoryFiles({ '/proc/11/stat': text }), { ...at, startTime: 99n })).toBe(false);
  const exiting = memoryFiles({ '/proc/11/stat': text.replace('4194304', String(4194304 | 4)) });
  expect(await isStaying(exiting, at)).toBe(false);
  expect(await isStaying(memoryFiles({}), at)).toBe(false);
});
