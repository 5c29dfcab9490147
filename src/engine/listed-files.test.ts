import { expect, test } from 'vitest';
import type { Files } from '../base/effects.ts';
import { memoryFiles } from '../base/memory-files.fixture.ts';
import { listContainer } from './listed-files.ts';
import { containerPaths, enginePaths } from './paths.ts';
import { Records } from './records.ts';

const ENGINE_PATHS = enginePaths('/root', '/state');
const PATHS = containerPaths(ENGINE_PATHS, 'aabbccddeeff');

test('files of all directories of a container are found in one listing, and those of others are not', async () => {
  const files = memoryFiles({
    [`${PATHS.rootDir}/config.json`]: '{}',
    [`${PATHS.runtimeDir}/.tmp-hosts`]: '',
    [PATHS.planFile]: '{}',
    [`${PATHS.rootDir}0/.tmp-config`]: '',
  });
  const listed = await listContainer(files, PATHS);
  expect(listed.has(`${PATHS.rootDir}/config.json`)).toBe(true);
  expect(listed.has(PATHS.planFile)).toBe(true);
  expect(listed.has(`${PATHS.stateDir}/config.json`)).toBe(false);
  expect(listed.beginningWith('.tmp-')).toEqual([`${PATHS.runtimeDir}/.tmp-hosts`]);
});

test('directories that are not there hold nothing, and one that cannot be listed is told', async () => {
  const failing = (code: string) => ({
    list: async (): Promise<never> => {
      throw Object.assign(new Error(code), { code });
    },
  });
  expect((await listContainer(failing('ENOENT'), PATHS)).beginningWith('')).toEqual([]);
  await expect(listContainer(failing('EACCES'), PATHS)).rejects.toThrow('EACCES');
});

test('records that were not listed are not tried, and one that went since is as one that was never there', async () => {
  const opened: string[] = [];
  const gone = Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
  const files = {
    ...{ readText: (path: string) => Promise.reject(opened.push(path) && gone) },
    list: async (directory: string) => (directory === PATHS.stateDir ? ['plan.json'] : []),
  } as Partial<Files> as Files;
  const listed = await listContainer(files, PATHS);
  const loaded = await new Records(files, ENGINE_PATHS).load('aabbccddeeff', listed);
  expect(Object.values(loaded).map(({ kind }) => kind)).toEqual(['absent', 'absent', 'absent', 'absent']);
  expect(opened).toEqual([PATHS.planFile]);
});
