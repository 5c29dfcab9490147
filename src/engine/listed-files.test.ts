import { expect, test } from 'vitest';
import { memoryFiles } from '../base/memory-files.fixture.ts';
import { listContainer } from './listed-files.ts';
import { containerPaths, enginePaths } from './paths.ts';

const PATHS = containerPaths(enginePaths('/root', '/state'), 'aabbccddeeff');

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
