import { expect, test } from 'vitest';
import { FilterCache } from './filter-cache.ts';

test('a value is made once, and again when it had to make room', () => {
  const cache = new FilterCache<string>(2);
  const made: string[] = [];
  const get = (key: string) =>
    cache.get(key, () => {
      made.push(key);
      return key.toUpperCase();
    });
  for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) expect(get(key)).toBe(key.toUpperCase());
  expect(made).toEqual(['a', 'b', 'c', 'b']);
});

test('what could not be made is tried again', () => {
  const cache = new FilterCache<number>(2);
  const fail = () => {
    throw new RangeError('no');
  };
  expect(() => cache.get('a', fail)).toThrow('no');
  expect(cache.get('a', () => 1)).toBe(1);
});
