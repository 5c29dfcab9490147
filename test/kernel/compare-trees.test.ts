import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { ERRNO } from '../../src/linux/errno.ts';
import { connectWorker } from '../../src/linux/helper-worker.ts';
import { step } from '../../src/model/wire.ts';
import { type ImageHost, imageHost } from '../support/image-host.ts';

const TIME = new Date('2024-01-02T03:04:05Z');
const LATER = new Date('2024-01-02T03:04:06Z');

let host: ImageHost;
let directory: string;

beforeAll(async () => {
  host = await imageHost();
});
afterAll(() => host.dispose());

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isopod-trees-'));
  for (const name of ['model', 'tree']) make(join(directory, name));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** One of everything that a layer may have. */
function make(root: string): void {
  mkdirSync(join(root, 'etc/deep/deeper'), { recursive: true });
  for (const path of ['etc/file', 'etc/deep/deeper/file']) {
    writeFileSync(join(root, path), 'content of a file');
    utimesSync(join(root, path), TIME, TIME);
  }
  linkSync(join(root, 'etc/file'), join(root, 'etc/second'));
  symlinkSync('file', join(root, 'etc/link'));
  lutimesSync(join(root, 'etc/link'), TIME, TIME);
  execFileSync('mknod', [join(root, 'gone'), 'c', '0', '0']);
  execFileSync('mknod', [join(root, 'null'), 'c', '1', '3']);
  utimesSync(join(root, 'null'), TIME, TIME);
}

/** @returns what differs; `undefined` when nothing does */
async function difference(tree = at('')): Promise<string | undefined> {
  const worker = await connectWorker(nodeEffects(), host.socket);
  try {
    await worker.run([step('test', 'compare-trees', { tree, model: join(directory, 'model') })]);
    return undefined;
  } catch (error) {
    const { errno, detail } = (error as { details: { errno: number; detail: string } }).details;
    return errno === ERRNO.ENOMSG ? detail : `errno ${errno}: ${detail}`;
  } finally {
    worker.close();
  }
}

function at(path: string): string {
  return join(directory, 'tree', path);
}

/** Writes without a trace in the time. */
function rewrite(path: string, content: string): void {
  writeFileSync(at(path), content);
  utimesSync(at(path), TIME, TIME);
}

test('a tree that was unpacked twice is the same', async () => {
  expect(await difference()).toBeUndefined();
});

test('the times of directories and whiteouts are those of their unpacking, and tell nothing', async () => {
  for (const path of ['etc', 'gone', 'etc/deep/deeper']) utimesSync(at(path), LATER, LATER);
  expect(await difference()).toBeUndefined();
});

const CHANGES: readonly (readonly [string, () => void])[] = [
  ['content etc/file', () => rewrite('etc/file', 'CONTENT of a file')],
  ['size etc/deep/deeper/file', () => appendFileSync(at('etc/deep/deeper/file'), '!')],
  ['time etc/deep/deeper/file', () => utimesSync(at('etc/deep/deeper/file'), LATER, LATER)],
  ['mode etc/deep', () => chmodSync(at('etc/deep'), 0o700)],
  ['owner etc/deep/deeper', () => chownSync(at('etc/deep/deeper'), 1, 0)],
  ['missing etc/deep/deeper/file', () => rmSync(at('etc/deep/deeper/file'))],
  ['added etc/new', () => writeFileSync(at('etc/new'), '')],
  ['added etc/deep/.new', () => symlinkSync('x', at('etc/deep/.new'))],
  ['mode .', () => chmodSync(at(''), 0o701)],
  ['attributes etc/deep/deeper/file', () => setAttribute('etc/deep/deeper/file', 'user.x', 'one')],
];

test.each(CHANGES)('%s is noticed', async (expected, change) => {
  change();
  expect(await difference()).toBe(expected);
});

function setAttribute(path: string, name: string, value: string): void {
  const script = 'import os,sys; os.setxattr(sys.argv[1], sys.argv[2], sys.argv[3].encode())';
  execFileSync('python3', ['-c', script, at(path), name, value]);
}

test('a link that leads elsewhere and a device of another number are noticed', async () => {
  rmSync(at('etc/link'));
  symlinkSync('fold', at('etc/link'));
  lutimesSync(at('etc/link'), TIME, TIME);
  expect(await difference()).toBe('target etc/link');
  rmSync(at('etc/link'));
  symlinkSync('file', at('etc/link'));
  lutimesSync(at('etc/link'), TIME, TIME);
  rmSync(at('null'));
  execFileSync('mknod', [at('null'), 'c', '1', '5']);
  utimesSync(at('null'), TIME, TIME);
  expect(await difference()).toBe('device null');
});

test('a file that has one name less is noticed', async () => {
  rmSync(at('etc/second'));
  expect(await difference()).toMatch(/^(?:names etc\/file|missing etc\/second)$/);
});

test('an attribute with another value is noticed', async () => {
  setAttribute('etc/file', 'user.x', 'two');
  const script = 'import os,sys; os.setxattr(sys.argv[1], "user.x", b"one")';
  execFileSync('python3', ['-c', script, join(directory, 'model/etc/file')]);
  expect(await difference()).toMatch(/^attributes etc\/(?:file|second)$/);
});

test('a tree that is not there, or is a link to one, is refused', async () => {
  symlinkSync(at(''), join(directory, 'link'));
  expect(await difference(join(directory, 'none'))).toBe(`errno ${ERRNO.ENOENT}: ${join(directory, 'none')}`);
  expect(await difference(join(directory, 'link'))).toMatch(`errno ${ERRNO.ENOTDIR}`);
});

test('what is mounted in a tree is not entered', async () => {
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', at('etc/deep/deeper')]);
  try {
    chmodSync(at('etc/deep/deeper'), 0o755);
    expect(await difference()).toMatch(/^errno 18|^missing|^mode/);
  } finally {
    execFileSync('umount', [at('etc/deep/deeper')]);
  }
});
