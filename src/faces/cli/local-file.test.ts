import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CliContext } from './context.ts';
import { checkOutput, openInput, writeOutput } from './local-file.ts';

let cwd: string;
let context: CliContext;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'isopod-local-file-'));
  context = { cwd, stdout: { isTTY: false } } as unknown as CliContext;
  mkdirSync(join(cwd, 'directory'));
  writeFileSync(join(cwd, 'file'), 'content');
  symlinkSync('circle', join(cwd, 'circle'));
});
afterAll(() => rmSync(cwd, { recursive: true }));

async function* content(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('content');
}

test.each([
  ['missing', 'no such file or directory (ENOENT)', /spelling/],
  ['file/below', 'not a directory (ENOTDIR)', /a part of it is a file/],
  ['directory', 'is a directory (EISDIR)', /tar -C/],
  ['circle', 'symbolic links', /circle/],
])(
  'what cannot be read at %s is told with the file, the cause in words and what to do',
  async (name, cause, remedy) => {
    const error = await openInput(context, name).catch((reason: Error) => reason);
    expect(error).toMatchObject({
      code: 'cli-file.unreadable',
      message: expect.stringContaining(`${join(cwd, name)} cannot be read: `),
      remedy: expect.stringMatching(remedy),
    });
    expect((error as Error).message).toContain(cause);
  },
);

test('what cannot be written is told alike', async () => {
  await expect(writeOutput(context, 'directory', content())).rejects.toMatchObject({
    message: expect.stringMatching(/directory cannot be written: .*\(EISDIR\)/),
    remedy: expect.stringContaining('a directory has this name'),
  });
  await expect(writeOutput(context, 'file/below', content())).rejects.toMatchObject({
    message: expect.stringContaining('cannot be written: not a directory (ENOTDIR)'),
    remedy: expect.stringContaining('a part of it is a file'),
  });
});

test('a directory that is not there is told before anything is asked for', async () => {
  await expect(checkOutput(context, 'nowhere/file')).rejects.toMatchObject({
    code: 'cli-file.noDirectory',
    message: `${cwd}/nowhere/file cannot be written: there is no directory ${cwd}/nowhere`,
    remedy: `make it first: mkdir -p ${cwd}/nowhere`,
  });
  await checkOutput(context, 'directory/file');
});

test('a new file has the mode that is asked for', async () => {
  await writeOutput(context, 'private', content(), 0o600);
  expect(statSync(join(cwd, 'private')).mode & 0o777).toBe(0o600);
});

test('what a source throws is no fault of the file that it is written to', async () => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield* content();
    throw new Error('the source');
  }
  await expect(writeOutput(context, 'new', failing())).rejects.toThrow('the source');
});
