import { expect, test } from 'vitest';
import { parseFetch } from './fetch-option.ts';

test.each([
  ['https://h.example/a', { uri: 'https://h.example/a' }],
  ['https://h.example/a,b,cache', { uri: 'https://h.example/a,b', cache: true }],
  [
    'https://h.example/a,output=x/y,executable,extract=no,sha256=ab',
    { uri: 'https://h.example/a', output: 'x/y', executable: true, extract: false, digest: 'sha256:ab' },
  ],
  ['./a b,extract', { uri: 'file:///here/a%20b', extract: true }],
  ['/a,sha256=sha256:ab', { uri: 'file:///a', digest: 'sha256:ab' }],
  ['image:h:5000/x:1#/y', { uri: 'image:h:5000/x:1#/y' }],
  ['cache', { uri: 'cache' }],
])('%s is %o', (text, expected) => {
  expect(parseFetch(text, '/here')).toEqual(expected);
});

test.each(['https://h.example/a,output', 'https://h.example/a,sha256=', 'https://h.example/a,cache=maybe'])(
  '%s is refused',
  (text) => {
    expect(() => parseFetch(text, '/')).toThrow(/--fetch/);
  },
);
