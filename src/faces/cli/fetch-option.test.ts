import { expect, test } from 'vitest';
import { parseFetch } from './fetch-option.ts';

test.each([
  ['https://h.example/a', { uri: 'https://h.example/a' }],
  ['https://h.example/a%2Cb,cache', { uri: 'https://h.example/a%2Cb', cache: true }],
  [
    'https://h.example/a,output=x/y,executable,extract=no,sha256=ab',
    { uri: 'https://h.example/a', output: 'x/y', executable: true, extract: false, digest: 'sha256:ab' },
  ],
  ['./a b,extract', { uri: 'file:///here/a%20b', extract: true }],
  ['./a%2cb', { uri: 'file:///here/a,b' }],
  ['image:x#/a%2Cb', { uri: 'image:x#/a,b' }],
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

test.each([
  ['https://h.example/a?x=1,sha-256=0000', 'sha-256', 'is no field of it'],
  ['https://h.example/a,execut', 'execut', 'is no field of it'],
  ['https://h.example/a,', '', 'is no field of it'],
  ['https://h.example/a,output=a,output=b', 'output', 'is given twice'],
])('%s is refused for its field %j, and the fields are told', (text, field, reason) => {
  const refusal = { code: 'cli.fetchField', details: expect.objectContaining({ field, reason }) };
  expect(() => parseFetch(text, '/')).toThrow(expect.objectContaining(refusal));
});
