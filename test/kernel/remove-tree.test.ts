import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type UnpackBench, unpackBench } from '../support/unpack-driver.ts';

const [EXDEV, EINVAL, ENOTDIR] = [18, 22, 20];

let bench: UnpackBench;
beforeAll(() => {
  bench = unpackBench();
});
afterAll(() => bench.dispose());

/** Directories in one another, more than any path can say. */
const DIG = `
import os, sys
os.chdir(sys.argv[1])
for i in range(int(sys.argv[2])):
    open('file', 'w').close(); os.mkdir('d'); os.mkdir('.moved-0000000%03d' % (i % 100)); os.chdir('d')
`;

test('a tree of 4200 levels goes, with names like those it moves deep ones to', () => {
  const parent = bench.empty();
  mkdirSync(join(parent, 'deep'));
  execFileSync('python3', ['-c', DIG, join(parent, 'deep'), '4200']);
  expect(bench.removeTree(parent, 'deep')).toEqual({ errno: 0, detail: '' });
  expect(readdirSync(parent)).toEqual([]);
});

test('a wide tree goes, links in it are not followed', () => {
  const parent = bench.empty();
  const kept = bench.empty();
  writeFileSync(join(kept, 'file'), 'kept');
  for (let i = 0; i < 500; i += 1) {
    mkdirSync(join(parent, `wide/d${i}/below`), { recursive: true });
    writeFileSync(join(parent, `wide/d${i}/file`), 'x');
    symlinkSync(kept, join(parent, `wide/d${i}/below/link`));
  }
  expect(bench.removeTree(parent, 'wide')).toEqual({ errno: 0, detail: '' });
  expect(readdirSync(parent)).toEqual([]);
  expect(readFileSync(join(kept, 'file'), 'utf8')).toBe('kept');
});

test('a file or a link goes by itself, and what is missing is fine', () => {
  const parent = bench.empty();
  const kept = bench.empty();
  writeFileSync(join(parent, 'file'), '');
  symlinkSync(kept, join(parent, 'link'));
  for (const name of ['file', 'link', 'missing']) expect(bench.removeTree(parent, name)).toMatchObject({ errno: 0 });
  expect(bench.removeTree(join(parent, 'missing'), 'x')).toMatchObject({ errno: 0 });
  expect(readdirSync(parent)).toEqual([]);
  expect(existsSync(kept)).toBe(true);
});

test.each([
  ['the tree itself', 'tree', { errno: ENOTDIR, detail: 'tree' }],
  ['a directory in it', 'd', { errno: 0, detail: '' }],
])('nothing outside goes when %s is swapped for a link at the worst moment', (_what, name, answer) => {
  const [parent, outside] = [bench.empty(), bench.empty()];
  mkdirSync(join(parent, 'tree/d/e'), { recursive: true });
  writeFileSync(join(parent, 'tree/d/e/f'), 'goes');
  mkdirSync(join(outside, 'e'));
  writeFileSync(join(outside, 'e/f'), 'kept');
  expect(bench.removeTree(parent, 'tree', { name, outside })).toEqual(answer);
  expect(readFileSync(join(outside, 'e/f'), 'utf8')).toBe('kept');
  expect(readdirSync(parent).sort()).toEqual(name === 'tree' ? ['away', 'tree'] : []);
});

test('a mount is not crossed', () => {
  const parent = bench.empty();
  const mounted = join(parent, 'tree/below/mounted');
  mkdirSync(mounted, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', 'isopod-test', mounted]);
  try {
    writeFileSync(join(mounted, 'file'), 'kept');
    expect(bench.removeTree(parent, 'tree')).toEqual({ errno: EXDEV, detail: 'mounted' });
    expect(readFileSync(join(mounted, 'file'), 'utf8')).toBe('kept');
  } finally {
    execFileSync('umount', [mounted]);
  }
});

test.each(['', '.', '..', 'a/b', '../a'])('the name "%s" is refused', (name) => {
  const parent = bench.empty();
  mkdirSync(join(parent, 'a/b'), { recursive: true });
  expect(bench.removeTree(join(parent, 'a'), name)).toEqual({ errno: EINVAL, detail: name });
  expect(existsSync(join(parent, 'a/b'))).toBe(true);
});
