import { describe, expect, test } from 'vitest';
import type { Files } from './effects.ts';

/** A files port with an empty directory to work in. */
export interface FilesUnderTest {
  readonly files: Files;
  readonly directory: string;
  dispose(): Promise<void>;
}

type Law = (subject: FilesUnderTest, at: (name: string) => string) => Promise<void>;

const LAWS: Readonly<Record<string, Law>> = {
  'what was written atomically is read, and replaces what was there': async ({ files, directory }, at) => {
    for (const content of ['first', 'second, longer']) {
      await files.writeAtomic(at('file'), content, { durability: 'synced' });
      expect(await files.readText(at('file'))).toBe(content);
    }
    await files.writeAtomic(at('file'), 'third');
    expect(Buffer.from(await files.readBytes(at('file'))).toString()).toBe('third');
    expect(await files.list(directory)).toEqual(['file']);
  },
  'a write that fails leaves nothing, not even a part under another name': async ({ files, directory }, at) => {
    await files.makeDirectory(at('occupied'));
    await expect(files.writeAtomic(at('occupied'), 'x')).rejects.toMatchObject({ code: 'EISDIR' });
    await expect(files.writeAtomic(at('occupied'), 'x', { durability: 'synced' })).rejects.toThrow('EISDIR');
    await expect(files.writeAtomic(at('no/such'), 'x')).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await files.list(directory)).toEqual(['occupied']);
  },
  'what is not there is ENOENT to all but exists': async ({ files }, at) => {
    expect(await files.exists(at('none'))).toBe(false);
    const calls = [
      files.readText(at('none')),
      files.readBytes(at('none')),
      files.list(at('none')),
      files.status(at('none')),
      files.rename(at('none'), at('other')),
      files.removeFile(at('none')),
      files.removeDirectory(at('none')),
      files.syncDirectory(at('none')),
    ];
    for (const call of await Promise.allSettled(calls)) expect(call).toMatchObject({ reason: { code: 'ENOENT' } });
  },
  'a directory is made once; with parents it may be there, and a file may not': async ({ files }, at) => {
    await expect(files.makeDirectory(at('a/b'))).rejects.toMatchObject({ code: 'ENOENT' });
    await files.makeDirectory(at('a/b/c'), { parents: true });
    await files.makeDirectory(at('a/b'), { parents: true });
    await expect(files.makeDirectory(at('a'))).rejects.toMatchObject({ code: 'EEXIST' });
    await files.writeAtomic(at('a/file'), '');
    await expect(files.makeDirectory(at('a/file'), { parents: true })).rejects.toMatchObject({ code: 'EEXIST' });
    expect([...(await files.list(at('a')))].sort()).toEqual(['b', 'file']);
  },
  'files and directories are removed each by its own call, a directory only when it is empty': async (
    { files, directory },
    at,
  ) => {
    await files.makeDirectory(at('directory'));
    await files.writeAtomic(at('directory/file'), 'x');
    await expect(files.removeDirectory(at('directory'))).rejects.toMatchObject({ code: 'ENOTEMPTY' });
    await expect(files.removeDirectory(at('directory/file'))).rejects.toMatchObject({ code: 'ENOTDIR' });
    await expect(files.removeFile(at('directory'))).rejects.toMatchObject({ code: 'EISDIR' });
    await files.removeFile(at('directory/file'));
    await files.removeDirectory(at('directory'));
    expect(await files.list(directory)).toEqual([]);
  },
  'a rename takes a directory with all that is in it, and a file over another': async ({ files }, at) => {
    await files.makeDirectory(at('old/inner'), { parents: true });
    await files.writeAtomic(at('old/inner/file'), 'moved');
    await files.rename(at('old'), at('new'));
    expect(await files.readText(at('new/inner/file'))).toBe('moved');
    expect(await files.exists(at('old'))).toBe(false);
    await files.writeAtomic(at('over'), 'replaced');
    await files.rename(at('new/inner/file'), at('over'));
    expect(await files.readText(at('over'))).toBe('moved');
    expect(await files.list(at('new/inner'))).toEqual([]);
    await expect(files.rename(at('over'), at('new'))).rejects.toMatchObject({ code: 'EISDIR' });
  },
  'a status tells the kind, the size and the mode that was asked for': async ({ files }, at) => {
    await files.makeDirectory(at('directory'), { mode: 0o711 });
    await files.makeDirectory(at('everybody'), { mode: 0o1777, parents: true });
    await files.writeAtomic(at('file'), 'four', { mode: 0o640 });
    await files.writeAtomic(at('own'), '');
    expect(await files.status(at('directory'))).toMatchObject({ kind: 'directory', mode: 0o711 });
    expect(await files.status(at('everybody'))).toMatchObject({ kind: 'directory', mode: 0o1777 });
    expect(await files.status(at('file'))).toMatchObject({ kind: 'file', mode: 0o640, sizeBytes: 4 });
    expect(await files.status(at('own'))).toMatchObject({ mode: 0o600, sizeBytes: 0 });
  },
  'a directory is not read as a file, nor a file listed': async ({ files }, at) => {
    await files.makeDirectory(at('directory'));
    await files.writeAtomic(at('file'), '');
    await expect(files.readText(at('directory'))).rejects.toMatchObject({ code: 'EISDIR' });
    await expect(files.list(at('file'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  },
};

/**
 * The laws of {@link Files} that the engine relies on, for the real ones and for those of the simulation alike: what the
 * simulation proves holds only as far as its files behave as the kernel's do.
 */
export function filesContract(name: string, make: () => Promise<FilesUnderTest>): void {
  describe(`the contract of files: ${name}`, () => {
    test.each(Object.entries(LAWS))('%s', async (_law, holds) => {
      const subject = await make();
      try {
        await holds(subject, (path) => `${subject.directory}/${path}`);
      } finally {
        await subject.dispose();
      }
    });
  });
}
