import { posix } from 'node:path';
import { expect, test } from 'vitest';
import { copyPlan, copySide, type FoundKind, writtenPath } from './copy-target.ts';

const plan = (source: string, isDirectory: boolean, target: string, found: FoundKind) =>
  copyPlan({ ...writtenPath(source, '/here'), isDirectory }, { ...writtenPath(target, '/'), found });

test.each([
  ['-', { kind: 'stream' }],
  ['web:/etc', { kind: 'container', id: 'web', path: '/etc' }],
  ['web/db:etc', { kind: 'container', id: 'web/db', path: 'etc' }],
  ['web:a:b', { kind: 'container', id: 'web', path: 'a:b' }],
  ['web:', { kind: 'container', id: 'web', path: '' }],
  ['file', { kind: 'local', path: 'file' }],
  ['./a:b', { kind: 'local', path: './a:b' }],
  ['/a:b', { kind: 'local', path: '/a:b' }],
  [':b', { kind: 'local', path: ':b' }],
])('%s is a side of a copy', (word, side) => {
  expect(copySide(word)).toEqual(side);
});

test.each([
  ['a file into a directory', 'f', false, '/d', 'directory', { directory: '/d', name: 'f' }],
  ['a file in the place of one', 'f', false, '/d/g', 'file', { directory: '/d', name: 'g' }],
  ['a file where nothing is', 'f', false, '/d/g', 'missing', { directory: '/d', name: 'g' }],
  ['a directory into one', 's', true, '/d', 'directory', { directory: '/d', name: 's' }],
  ['its content into one', 's/.', true, '/d', 'directory', { directory: '/d', name: '' }],
  ['a directory where nothing is', 's', true, '/d/n', 'missing', { directory: '/d', name: 'n' }],
  ['its content where nothing is', 's/.', true, '/d/n/', 'missing', { directory: '/d', name: 'n' }],
  ['the root into a directory', '/', true, '/d', 'directory', { directory: '/d', name: '' }],
  ['a directory with a slash', 's/', true, '/d', 'directory', { directory: '/d', name: 's' }],
  ['the present directory', '.', true, '/d', 'directory', { directory: '/d', name: '' }],
] as const)('%s', (_, source, isDirectory, target, found, wanted) => {
  expect(plan(source, isDirectory, target, found)).toEqual(wanted);
});

test.each([
  ['a file with a slash behind it', 'f/', false, '/d', 'directory', 'ends with a slash'],
  ['a file to a directory that is not there', 'f', false, '/d/', 'missing', 'ends with a slash'],
  ['a file to a file with a slash behind it', 'f', false, '/g/', 'file', 'ends with a slash'],
  ['a directory in the place of a file', 's', true, '/g', 'file', 'is a directory, and /g is none'],
  ['a file in the place of a device', 'f', false, '/g', 'special', 'is a device, a pipe or a socket'],
  ['a directory in the place of a device', 's', true, '/g', 'special', 'is a device, a pipe or a socket'],
] as const)('%s is refused', (_, source, isDirectory, target, found, says) => {
  expect(() => plan(source, isDirectory, target, found)).toThrow(says);
});

/** Every way to write a short path. */
function* paths(depth: number): Generator<string> {
  const parts = ['a', '..', '.', '', 'b c', '...'];
  for (const part of parts) {
    yield part;
    if (depth > 1) for (const rest of paths(depth - 1)) yield `${part}/${rest}`;
  }
}

test('however paths are written, a copy goes into an absolute directory, under one name or none', () => {
  const bad: string[] = [];
  let count = 0;
  for (const source of paths(3)) {
    const from = { ...writtenPath(source, '/here'), isDirectory: true };
    for (const target of paths(2)) {
      for (const found of ['directory', 'missing'] as const) {
        const written = writtenPath(target, '/');
        const { directory, name } = copyPlan(from, { ...written, found });
        const isPlace = posix.isAbsolute(directory) && posix.normalize(directory) === directory;
        const isName = !name.includes('/') && name !== '..' && name !== '.';
        const isMeant = found === 'directory' || posix.join(directory, name) === written.path;
        if (!isPlace || !isName || !isMeant) bad.push(`${source} to ${target}, ${found}`);
        count += 1;
      }
    }
  }
  expect(bad).toEqual([]);
  expect(count).toBeGreaterThan(10_000);
});
