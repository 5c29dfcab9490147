import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Files } from '../effects.ts';
import { filesContract } from '../files.contract.ts';
import { nodeFiles } from './node-files.ts';

filesContract('of this host', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'isopod-files-'));
  return { files: nodeFiles(), directory, dispose: async () => rmSync(directory, { recursive: true }) };
});

describe('files of this host', () => {
  let files: Files;
  let directory: string;
  const at = (name: string): string => join(directory, name);
  beforeEach(() => {
    files = nodeFiles();
    directory = mkdtempSync(join(tmpdir(), 'isopod-files-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  test('a range of a file is read in chunks of at most 64 KiB', async () => {
    writeFileSync(at('large'), Buffer.alloc(200_000, 'abc'));
    const sizes: number[] = [];
    for await (const chunk of files.readStream(at('large'), { start: 10, end: 150_000 })) sizes.push(chunk.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(64 * 1024);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(149_990);
  });

  test('a writer shows nothing before it commits, and nothing after it aborts', async () => {
    const writer = await files.openWriter(directory);
    await writer.write(Buffer.from('one '));
    await writer.write(Buffer.from('two'));
    expect(await files.exists(at('whole'))).toBe(false);
    await writer.commit(at('whole'), 'synced');
    expect(readFileSync(at('whole'), 'utf8')).toBe('one two');
    const other = await files.openWriter(directory);
    await other.abort();
    await other.abort();
    expect(await files.list(directory)).toEqual(['whole']);
  });

  test('an appended file keeps what it held, and has its name from its first byte on', async () => {
    const first = await files.openAppender(at('growing'));
    await first.write(Buffer.from('one '));
    expect(readFileSync(at('growing'), 'utf8')).toBe('one ');
    await first.close();
    await first.close();
    const second = await files.openAppender(at('growing'));
    await second.write(Buffer.from('two'));
    await second.close();
    expect(readFileSync(at('growing'), 'utf8')).toBe('one two');
    expect(await files.status(at('growing'))).toMatchObject({ mode: 0o600 });
  });

  test('a kernel file is written in place, never made, and never through a link', async () => {
    writeFileSync(at('knob'), 'old value');
    await files.writeKernelFile(at('knob'), 'new');
    expect(readFileSync(at('knob'), 'utf8')).toBe('new value');
    symlinkSync(at('knob'), at('link'));
    await expect(files.writeKernelFile(at('link'), 'x')).rejects.toMatchObject({ code: 'ELOOP' });
    await expect(files.writeKernelFile(at('none'), 'x')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('links are told, not followed, but for the real path', async () => {
    writeFileSync(at('file'), '');
    symlinkSync('file', at('link'));
    symlinkSync('gone', at('dangling'));
    expect(await files.status(at('link'))).toMatchObject({ kind: 'symlink' });
    expect(await files.exists(at('dangling'))).toBe(true);
    expect(await files.readLink(at('link'))).toBe('file');
    expect(await files.realPath(at('link'))).toBe(await files.realPath(at('file')));
  });

  test('a change below a watched directory is told until the signal aborts', async () => {
    const stop = new AbortController();
    const changed = new Promise<void>((resolve) => files.watch(directory, resolve, stop.signal));
    writeFileSync(at('file'), '');
    await changed;
    stop.abort();
  });
});
