import { expect, test } from 'vitest';
import { nodeEffects } from '../base/effects/node-effects.ts';
import type { Effects, Files } from '../base/effects.ts';
import { prepareDirectories } from './start-agent.ts';

const PLACES = { root: '/srv/root', state: '/run/state', launcher: 'posix' } as const;

/** Directories that are all there, and files that the kernel refuses below one of them. */
function refusing(directory: string, code: string): Effects {
  const files: Pick<Files, 'makeDirectory' | 'openWriter'> = {
    makeDirectory: async () => {},
    openWriter: async (path) => {
      if (path === directory) throw Object.assign(new Error(code), { code });
      return { write: async () => {}, commit: async () => {}, abort: async () => {} };
    },
  };
  return { ...nodeEffects(), files: files as Files };
}

test.each([
  ['root', '/srv/root'],
  ['state', '/run/state'],
])('a %s directory that is there and read-only is named, with what to do', async (option, path) => {
  await expect(prepareDirectories(refusing(path, 'EROFS'), PLACES)).rejects.toMatchObject({
    code: 'main.directoryRefused',
    message: expect.stringMatching(new RegExp(`^the ${option} directory ${path} cannot be used: .*EROFS`)),
    remedy: expect.stringMatching(new RegExp(`remount.*--${option}`)),
  });
});

test('one that is not ours to write is named too, and no remount is spoken of', async () => {
  await expect(prepareDirectories(refusing('/srv/root', 'EACCES'), PLACES)).rejects.toMatchObject({
    code: 'main.directoryRefused',
    remedy: expect.not.stringContaining('remount'),
  });
});
