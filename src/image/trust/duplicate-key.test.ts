import { expect, test } from 'vitest';
import { duplicateKeyIn } from './duplicate-key.ts';

test.each([
  ['{"a":1,"a":1}', 'a'],
  ['{"a":{"b":[{"c":1,"d":2,"c":3}]}}', 'c'],
  ['{"a":1,"\\u0061":2}', 'a'],
  ['[{"a":"x"},{"b,":"{","b,":1}]', 'b,'],
  ['{"":1, "":2}', ''],
])('in %s the key %j is there twice', (text, key) => {
  expect(duplicateKeyIn(text)).toBe(key);
});

test.each(['{"a":"a","b":["a","a"],"c":{"a":1}}', '[{"a":1},{"a":1}]', '{"a":"\\"","b":"{\\"b\\":1}"}', '"a"'])(
  'in %s no key is there twice',
  (text) => {
    expect(duplicateKeyIn(text)).toBeUndefined();
  },
);
