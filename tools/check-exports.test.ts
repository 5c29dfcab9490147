import { expect, test } from 'vitest';
import { exportsOf, unusedExports } from './check-exports.ts';

test('functions, classes, constants and types are found, with what they are', () => {
  const source = 'export function a() {}\nexport async function b() {}\nexport const c = 1;\nexport interface D {}\n';
  expect(exportsOf(source)).toEqual([
    { name: 'a', isType: false },
    { name: 'b', isType: false },
    { name: 'c', isType: false },
    { name: 'D', isType: true },
  ]);
});

function complaints(files: Readonly<Record<string, string>>): readonly string[] {
  return unusedExports(new Map(Object.entries(files)));
}

test('what another file uses is fine, also when that is a test', () => {
  expect(complaints({ 'src/a.ts': 'export const one = 1;', 'test/a.test.ts': 'expect(one).toBe(1);' })).toEqual([]);
});

test('what nobody uses is dead', () => {
  expect(complaints({ 'src/a.ts': 'export const one = 1;' })).toEqual(['src/a.ts: one is exported and used nowhere']);
});

test('a mention in a comment is no use', () => {
  const files = { 'src/a.ts': 'export const one = 1;', 'src/b.ts': '/** See one. */ // and one' };
  expect(complaints(files)).toEqual(['src/a.ts: one is exported and used nowhere']);
});

test('what only its own file uses need not be exported, unless it is a type or its errors', () => {
  const own = [
    'export const one = 1;',
    'export interface Two {}',
    'export const aErrors = {};',
    'one; aErrors; const x: Two = {};',
  ].join('\n');
  expect(complaints({ 'src/a.ts': own })).toEqual(['src/a.ts: one is exported and used in this file only']);
});
