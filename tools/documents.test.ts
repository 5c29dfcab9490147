import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { memoryFiles } from '../src/base/memory-files.fixture.ts';
import { isolatorCatalog } from '../src/isolators/catalog.ts';
import { catalogEffects } from '../src/isolators/isolator.fixture.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const all = (text: string, pattern: RegExp): readonly string[] =>
  [...text.matchAll(pattern)].map(([, found = '']) => found);

const CATALOG = isolatorCatalog(catalogEffects(memoryFiles({}))).map(({ name }) => name);

test('the list of isolators is that of the catalogue, in its order, with a page for each and no other', () => {
  const list = read('docs/isolators/README.md').split('| error')[0] ?? '';
  const links = [...list.matchAll(/\[([\w/]+)\]\(([\w-]+\.md)\)/g)].map(([, name, page]) => [name, page]);
  const pageOf = (name: string): string => `${name.replace('/', '-')}.md`;
  expect(links).toEqual(CATALOG.map((name) => [name, pageOf(name)]));
  const pages = readdirSync(join(ROOT, 'docs/isolators')).filter((name) => name !== 'README.md');
  expect(pages.toSorted()).toEqual(CATALOG.map(pageOf).toSorted());
});

function range(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

test('every behaviour has a row, and every test file that a row names is there', () => {
  const text = read('docs/behaviours.md');
  const rows = text.split('\n').filter((line) => /^\| \d/.test(line));
  const numbers = rows
    .flatMap((row) => all(row.split('|')[1] ?? '', /(?:^ |· )(\d+) /g))
    .map(Number)
    .toSorted((one, other) => one - other);
  const wanted = [...range(1, 137), ...range(164, 168), 170, 171, 175, 176];
  expect(numbers).toEqual(wanted);
  const files = all(text, /`((?:src|test)\/[\w./-]+\.test\.ts)`/g);
  expect(files.length).toBeGreaterThan(wanted.length / 2);
  expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  // A row without a test says why.
  expect(rows.filter((row) => !row.includes('.test.ts') && !/later|comes with/.test(row))).toEqual([]);
});

/** Behaviours of executors and schedulers, which come later. */
const LATER: readonly number[] = [5, 11, 25, 74, 80, 88, 93, 98];

test('every behaviour from 1 to 98 that is there has a test, and each of these tests is there by its name', () => {
  const rows = read('docs/behaviour-tests.md')
    .split('\n')
    .flatMap((line) => {
      const [, number = '', file = '', title = ''] = /^\| (\d+) \| `([\w./-]+)` \| (.+) \|$/.exec(line) ?? [];
      return number === '' ? [] : [{ number: Number(number), file, title }];
    });
  const numbers = [...new Set(rows.map(({ number }) => number))];
  expect(numbers).toEqual(range(1, 98).filter((number) => !LATER.includes(number)));
  expect(rows.filter(({ file, title }) => !existsSync(join(ROOT, file)) || !hasTest(read(file), title))).toEqual([]);
});

/** Whether a test of this title is written down there: the words as its source has them, with their placeholders. */
function hasTest(source: string, title: string): boolean {
  return ["'", '"', '`'].some((quote) => source.includes(`${quote}${title}${quote},`)) || isCase(source, title);
}

/** A case of a test program in C is a function. */
function isCase(source: string, title: string): boolean {
  return source.includes(`static void ${title}(void) {`);
}

test('every class of attack has a test that is there, and the code that it names is too', () => {
  const rows = read('docs/attacks.md')
    .split('\n')
    .filter((line) => /^\| C\d/.test(line));
  expect(rows.map((row) => /C\d+/.exec(row)?.[0])).toEqual([
    'C1',
    'C2',
    'C3',
    'C4',
    'C5',
    'C6',
    'C7',
    'C8',
    'C10',
    'C11',
    'C13',
    'C14',
    'C16',
    'C18',
    'C20',
  ]);
  for (const row of rows) {
    const names = all(row.split('|')[5] ?? '', /`([\w/-]+)`/g);
    const paths = names.map((name) => `test/${name.includes('/') ? name : `attacks/${name}`}.test.ts`);
    expect([row, paths.length > 0, paths.filter((path) => !existsSync(join(ROOT, path)))]).toEqual([row, true, []]);
  }
});
