import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { connectWorker, type Worker } from '../../src/linux/helper-worker.ts';
import { MAX_FILE_PART_BYTES } from '../../src/model/wire.ts';
import { HELPER_BINARY, TestHelper } from './support/helper-client.ts';

/** Types of files, inode(7). */
const S_IFMT = 0o170000;
const S_IFLNK = 0o120000;
/** The same on every architecture. */
const SYS_OPENAT2 = 437;

const programs = mkdtempSync(join(tmpdir(), 'isopod-deny-'));
const deny = join(programs, 'deny');
let helper: TestHelper;
let worker: Worker;
let outside: string;
let sandbox: string;

beforeAll(() => {
  const source = join(import.meta.dirname, '../../native/test/deny.c');
  execFileSync('gcc', ['-Wall', '-Wextra', '-Werror', '-o', deny, source]);
});
afterAll(() => rmSync(programs, { recursive: true }));

function refused(looking: Promise<unknown>): Promise<string> {
  return looking.then(
    () => 'nothing',
    (error: { details: { errno: string } }) => error.details.errno,
  );
}

const textOf = ({ data }: { readonly data: Uint8Array }): string => Buffer.from(data).toString();
const all = { offset: 0, length: 100 };

describe.each(['with openat2', 'ENOSYS', 'EPERM'] as const)('files that are looked at, %s', (ladder) => {
  beforeEach(async () => {
    helper = new TestHelper();
    const words = [deny, String(constants.errno[ladder as 'EPERM']), String(SYS_OPENAT2), '--', HELPER_BINARY];
    await helper.start(ladder === 'with openat2' ? [HELPER_BINARY] : words);
    worker = await connectWorker(nodeEffects(), helper.socketPath);
    outside = mkdtempSync(join(tmpdir(), 'isopod-browse-'));
    sandbox = join(outside, 'sandbox');
    mkdirSync(join(sandbox, 'sub'), { recursive: true });
    writeFileSync(join(outside, 'secret'), 'secret');
    writeFileSync(join(sandbox, 'sub', 'file'), 'content');
  });
  afterEach(async () => {
    worker.close();
    await helper.stop();
    rmSync(outside, { recursive: true });
  });

  test('entries are told with what stat(2) has of them, in order, a symlink as itself', async () => {
    utimesSync(join(sandbox, 'sub', 'file'), 5, 7);
    symlinkSync('file', join(sandbox, 'sub', 'link'));
    const { entries, isComplete } = await worker.listFiles(sandbox, 'sub');
    expect(isComplete).toBe(true);
    expect(entries.map(({ name }) => name)).toEqual(['file', 'link']);
    expect(entries[0]).toMatchObject({ mode: 0o100644, links: 1, sizeBytes: 7, mtimeNs: 7_000_000_000n });
    expect((entries[1]?.mode ?? 0) & S_IFMT).toBe(S_IFLNK);
    expect((await worker.listFiles(sandbox, '')).entries.map(({ name }) => name)).toEqual(['sub']);
  });

  test('a file is read in parts, and less is given at its end', async () => {
    expect(textOf(await worker.readFile(sandbox, 'sub/file', all))).toBe('content');
    expect(textOf(await worker.readFile(sandbox, 'sub/file', { offset: 3, length: 2 }))).toBe('te');
    expect(await worker.readFile(sandbox, 'sub/file', { offset: 100, length: 5 })).toMatchObject({ sizeBytes: 7 });
    truncateSync(join(sandbox, 'sub', 'file'), 5_000_000_000);
    const { sizeBytes, data } = await worker.readFile(sandbox, 'sub/file', { offset: 4_999_999_990, length: 100 });
    expect([sizeBytes, data.length]).toEqual([5_000_000_000, 10]);
  });

  test('a symlink that stays inside is followed, and one that leads out is refused', async () => {
    const links = { inside: 'sub/file', round: 'sub/../sub', up: '..', above: '../secret', absolute: '/etc/passwd' };
    for (const [name, target] of Object.entries(links)) symlinkSync(target, join(sandbox, name));
    symlinkSync('/proc/self/root', join(sandbox, 'magic'));
    symlinkSync('loop', join(sandbox, 'loop'));
    expect(textOf(await worker.readFile(sandbox, 'inside', all))).toBe('content');
    expect((await worker.listFiles(sandbox, 'round')).entries).toHaveLength(1);
    for (const path of [
      'above',
      'up/secret',
      'absolute',
      'magic/etc/passwd',
      '../secret',
      '/etc/passwd',
      'sub/../../secret',
    ]) {
      expect([path, await refused(worker.readFile(sandbox, path, all))]).toEqual([path, 'EXDEV']);
    }
    expect(await refused(worker.listFiles(sandbox, 'up'))).toBe('EXDEV');
    expect(await refused(worker.readFile(sandbox, 'loop', all))).toBe('ELOOP');
  });

  test('what is neither file nor directory is not opened, and holds nobody up', async () => {
    execFileSync('mkfifo', [join(sandbox, 'fifo')]);
    expect(await refused(worker.readFile(sandbox, 'fifo', all))).toBe('EINVAL');
    expect(await refused(worker.readFile(sandbox, 'sub', all))).toBe('EISDIR');
    expect(await refused(worker.listFiles(sandbox, 'sub/file'))).toBe('ENOTDIR');
    expect(await refused(worker.readFile(sandbox, 'none', all))).toBe('ENOENT');
  });

  test('a sandbox that is itself a symlink is not entered', async () => {
    symlinkSync(sandbox, join(outside, 'other'));
    expect(await refused(worker.listFiles(join(outside, 'other'), ''))).toBe('ENOTDIR');
  });

  test('a part that is too long is refused, and the worker goes on', async () => {
    const tooLong = { offset: 0, length: MAX_FILE_PART_BYTES + 1 };
    expect(await refused(worker.readFile(sandbox, 'sub/file', tooLong))).toBe('EINVAL');
    expect(textOf(await worker.readFile(sandbox, 'sub/file', all))).toBe('content');
  });
});

test('a directory with more entries than fit into a frame says so', async () => {
  helper = new TestHelper();
  await helper.start();
  worker = await connectWorker(nodeEffects(), helper.socketPath);
  sandbox = mkdtempSync(join(tmpdir(), 'isopod-browse-'));
  for (let n = 0; n < 4_500; n += 1) writeFileSync(join(sandbox, `${n}-${'x'.repeat(200)}`), '');
  const { entries, isComplete } = await worker.listFiles(sandbox, '');
  expect([isComplete, entries.length > 4_000, entries.length < 4_500]).toEqual([false, true, true]);
  worker.close();
  await helper.stop();
  rmSync(sandbox, { recursive: true });
});
