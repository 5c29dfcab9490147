import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TarEntry, TYPE, tarArchive } from '../support/tar-writer.ts';
import { type UnpackBench, unpackBench } from '../support/unpack-driver.ts';

const EINVAL = 22;

let bench: UnpackBench;
beforeAll(() => {
  bench = unpackBench();
});
afterAll(() => bench.dispose());

async function unpacked(entries: readonly TarEntry[], whiteouts: 0 | 1 = 0) {
  const target = bench.empty();
  return { target, answer: await bench.unpack(target, tarArchive(entries), { whiteouts }) };
}

function isWhiteout(path: string): boolean {
  const status = lstatSync(path);
  return status.isCharacterDevice() && status.rdev === 0;
}

function opaque(path: string): string {
  const script = 'import os, sys; print(os.getxattr(sys.argv[1], "trusted.overlay.opaque").decode(), end="")';
  return execFileSync('python3', ['-c', script, path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

test('a whiteout becomes a device that overlay knows, and an opaque marker an attribute of its directory', async () => {
  const { target, answer } = await unpacked([
    { name: 'etc/', type: TYPE.directory },
    { name: 'etc/.wh.passwd' },
    { name: 'var/.wh..wh..opq' },
    { name: '.wh.top' },
  ]);
  expect(answer).toMatchObject({ errno: 0 });
  expect(isWhiteout(join(target, 'etc/passwd'))).toBe(true);
  expect(isWhiteout(join(target, 'top'))).toBe(true);
  expect(opaque(join(target, 'var'))).toBe('y');
  expect(readdirSync(join(target, 'var'))).toEqual([]);
});

test('a whiteout never hides what its own layer has, whichever comes first', async () => {
  const { target, answer } = await unpacked([
    { name: 'file-first', data: 'kept' },
    { name: '.wh.file-first' },
    { name: '.wh.file-last' },
    { name: 'file-last', data: 'kept' },
    { name: 'dir-first/', type: TYPE.directory },
    { name: '.wh.dir-first' },
    { name: '.wh.dir-last' },
    { name: 'dir-last/', type: TYPE.directory },
    { name: '.wh.implied' },
    { name: 'implied/file', data: 'kept' },
  ]);
  expect(answer).toMatchObject({ errno: 0 });
  for (const path of ['file-first', 'file-last', 'implied/file']) {
    expect(readFileSync(join(target, path), 'utf8')).toBe('kept');
  }
  for (const path of ['dir-first', 'dir-last', 'implied']) expect(opaque(join(target, path))).toBe('y');
});

test('what aufs kept for itself is left out', async () => {
  const { target, answer } = await unpacked([
    { name: '.wh..wh.aufs', data: 'a' },
    { name: '.wh..wh.plnk/', type: TYPE.directory },
    { name: '.wh..wh.plnk/1.2', data: 'a' },
    { name: 'file', data: 'f' },
  ]);
  expect(answer).toMatchObject({ errno: 0, entries: 4 });
  expect(readdirSync(target)).toEqual(['file']);
});

test.each(['.wh.', 'a/.wh..', 'a/.wh...', '.wh.a/b'])('the whiteout %s is refused', async (name) => {
  const { answer } = await unpacked([{ name }]);
  expect(answer).toMatchObject({ errno: EINVAL, detail: name });
});

test('without whiteouts such names are ordinary files', async () => {
  const { target, answer } = await unpacked([{ name: '.wh.passwd', data: 'text' }, { name: '.wh..wh..opq' }], 1);
  expect(answer).toMatchObject({ errno: 0 });
  expect(readFileSync(join(target, '.wh.passwd'), 'utf8')).toBe('text');
  expect(existsSync(join(target, '.wh..wh..opq'))).toBe(true);
});

/** What is noted for settling the layer, by path. */
function notes(target: string): Readonly<Record<string, string>> {
  const script = `
import json, os, sys
name, found = "trusted.isopod.implied", {}
for at, _, _ in os.walk(sys.argv[1]):
    if name in os.listxattr(at): found[os.path.relpath(at, sys.argv[1])] = os.getxattr(at, name).decode()
print(json.dumps(found))`;
  return JSON.parse(execFileSync('python3', ['-c', script, target], { encoding: 'utf8' }));
}

test('directories that no entry names are noted, and on the root what there is to settle', async () => {
  const { target } = await unpacked([
    { name: 'a/b/file', data: 'x' },
    { name: 'a/', type: TYPE.directory },
    { name: 'c/d/', type: TYPE.directory },
    { name: 'gone/file', data: 'x' },
    { name: '.wh.gone' },
    { name: '.wh.anew' },
    { name: 'anew/file', data: 'x' },
  ]);
  expect(notes(target)).toEqual({ '.': 'rdw', 'a/b': 'd', c: 'd' });
});

test.each<[string, string, readonly TarEntry[]]>([
  ['nothing', '', [{ name: './', type: TYPE.directory }]],
  ['its root', 'r', [{ name: 'file', data: 'x' }]],
  ['an opaque root', 'o', [{ name: './', type: TYPE.directory }, { name: '.wh..wh..opq' }]],
])('a layer that leaves %s to settle says so', async (_, letters, entries) => {
  const { target } = await unpacked(entries);
  expect(notes(target)).toEqual(letters === '' ? {} : { '.': letters });
});

test('nothing is noted without whiteouts', async () => {
  const { target } = await unpacked([{ name: 'a/b', data: 'x' }], 1);
  expect(notes(target)).toEqual({});
});
