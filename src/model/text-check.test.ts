import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkText, parseAbsolutePath } from './text-check.ts';

test('a path loses its dots, doubled and trailing slashes', () => {
  expect(parseAbsolutePath('path', '/a//b/./c/../d/')).toBe('/a/b/d');
  expect(parseAbsolutePath('path', '//')).toBe('/');
});

test.each(['', 'a', './a', '../a'])('the path %j is refused, for it is not absolute', (path) => {
  expect(() => parseAbsolutePath('host path', path)).toThrow(`host path ${JSON.stringify(path)} is not an absolute`);
});

test('a NUL is refused by the name of its field', () => {
  expect(() => checkText('command', 'a\0b', 10)).toThrow('command "a\\u0000b" holds a NUL');
});

test('length is counted in bytes, not characters', () => {
  expect(checkText('label', 'ää', 4)).toBe('ää');
  expect(() => checkText('label', 'ää', 3)).toThrow('label takes 4 bytes');
});

test('a normal path is its own normal form, and never climbs', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', '.', '..', '')), (parts) => {
      const path = parseAbsolutePath('path', `/${parts.join('/')}`);
      expect(path).not.toMatch(/\/\.\.?(\/|$)|\/\/|.\/$/);
      expect(parseAbsolutePath('path', path)).toBe(path);
    }),
  );
});
