import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { connectWorker, type Worker } from '../../src/linux/helper-worker.ts';
import type { PackRequest, TreeCopy } from '../../src/linux/tree-copy.ts';
import { tarArchive, tarEntry } from '../support/tar-writer.ts';
import { HELPER_BINARY, TestHelper } from './support/helper-client.ts';

/** The same on every architecture. */
const SYS_OPENAT2 = 437;
const MIB = 1 << 20;

const programs = mkdtempSync(join(tmpdir(), 'isopod-deny-'));
const deny = join(programs, 'deny');
let helper: TestHelper;
let worker: Worker;
let root: string;

beforeAll(() => {
  const source = join(import.meta.dirname, '../../native/test/deny.c');
  execFileSync('gcc', ['-Wall', '-Wextra', '-Werror', '-o', deny, source]);
});
afterAll(() => rmSync(programs, { recursive: true }));

async function begin(words: readonly string[]): Promise<void> {
  helper = new TestHelper();
  await helper.start(words);
  worker = await connectWorker(nodeEffects(), helper.socketPath);
  root = mkdtempSync(join(tmpdir(), 'isopod-copy-'));
}
async function end(): Promise<void> {
  worker.close();
  await helper.stop();
  rmSync(root, { recursive: true });
}
const enter = (): Promise<TreeCopy> => worker.enterRoot({ kind: 'directory', path: root });

async function packed(copy: TreeCopy, request: Partial<PackRequest> & { readonly path: string }): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  const whole = { name: 'top', followLink: false, attributes: false, ...request };
  for await (const part of copy.pack(whole)) parts.push(part);
  return Buffer.concat(parts);
}
const names = (archive: Buffer): readonly string[] =>
  execFileSync('tar', ['tf', '-'], { input: archive, encoding: 'utf8' }).trim().split('\n').sort();
const errnoOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'nothing',
    (error: { details: { errno: string } }) => error.details.errno,
  );

describe.each(['with openat2', 'ENOSYS', 'EPERM'] as const)('what is packed, %s', (ladder) => {
  beforeEach(() => {
    const words = [deny, String(constants.errno[ladder as 'EPERM']), String(SYS_OPENAT2), '--', HELPER_BINARY];
    return begin(ladder === 'with openat2' ? [HELPER_BINARY] : words);
  });
  afterEach(end);

  test('a path is resolved in the root', async () => {
    mkdirSync(join(root, 'etc'));
    writeFileSync(join(root, 'etc', 'passwd'), 'of the container');
    symlinkSync('/etc/passwd', join(root, 'link'));
    symlinkSync('../../../../../etc', join(root, 'up'));
    const copy = await enter();
    for (const path of ['/etc/passwd', '/link', '/up/passwd']) {
      expect((await packed(copy, { path, followLink: true })).toString()).toContain('of the container');
    }
    expect(await copy.lookAt('/link', false)).toMatchObject({ linkTarget: '/etc/passwd' });
  });
});

describe('copies', () => {
  beforeEach(() => begin([HELPER_BINARY]));
  afterEach(end);

  test('with a name there is a top, without one what is in it', async () => {
    mkdirSync(join(root, 'a', 'b'), { recursive: true });
    writeFileSync(join(root, 'a', 'b', 'c'), '');
    const copy = await enter();
    expect(names(await packed(copy, { path: '/a' }))).toEqual(['top/', 'top/b/', 'top/b/c']);
    expect(names(await packed(copy, { path: '/a', name: '' }))).toEqual(['b/', 'b/c']);
    expect(await errnoOf(packed(copy, { path: '/a/b/c', name: '' }))).toBe('ENOTDIR');
  });

  test('one that breaks off leaves what was there, and nothing half', async () => {
    writeFileSync(join(root, 'file'), 'before');
    const copy = await enter();
    async function* half(): AsyncGenerator<Uint8Array> {
      yield tarEntry({ name: 'file', size: 2 * MIB });
      yield Buffer.alloc(MIB);
    }
    expect(await errnoOf(copy.unpack({ path: '/', owners: 'root' }, half()))).toBe('EBADMSG');
    expect([readdirSync(root), readFileSync(join(root, 'file'), 'utf8')]).toEqual([['file'], 'before']);
  });

  test('a directory and a file never take the place of each other', async () => {
    mkdirSync(join(root, 'directory', 'full'), { recursive: true });
    writeFileSync(join(root, 'file'), '');
    const into = async (...entries: Parameters<typeof tarArchive>[0]): Promise<string> => {
      worker = await connectWorker(nodeEffects(), helper.socketPath);
      const copy = await enter();
      return errnoOf(copy.unpack({ path: '/', owners: 'root' }, pieces(tarArchive(entries))));
    };
    expect(await into({ name: 'directory', data: '' })).toBe('EISDIR');
    expect(await into({ name: 'directory', type: '2', link: 'x' })).toBe('EISDIR');
    expect(await into({ name: 'file', type: '5' })).toBe('ENOTDIR');
    expect(await into({ name: 'null', type: '3' })).toBe('EPERM');
    expect(readdirSync(root)).toEqual(['directory', 'file']);
  });

  test('a worker that has entered a root does nothing else', async () => {
    await enter();
    await expect(worker.readFiles(['/proc/self', 'stat'])).rejects.toMatchObject({ code: 'helper-worker.unexpected' });
  });

  test('the root of a process that has ended is none', async () => {
    const gone = worker.enterRoot({ kind: 'process', pid: process.pid, startTime: 1n });
    expect(await errnoOf(gone)).toBe('ESRCH');
  });
});

async function* pieces(archive: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < archive.length; at += 100) yield archive.subarray(at, at + 100);
}
