import { expect, test } from 'vitest';
import { type Check, checkOf, parseCheck } from './health-check.ts';

test.each<[Check, string]>([
  [{ tcp: { port: 0 } }, 'badPort'],
  [{ tcp: { port: 65_536 } }, 'badPort'],
  [{ http: { port: 1.5 } }, 'badPort'],
  [{ http: { port: 80, path: 'well' } }, 'badPath'],
  [{ http: { port: 80, path: '/a b' } }, 'badPath'],
  [{ http: { port: 80, path: '/a\r\nX: y' } }, 'badPath'],
  [{ http: { port: 80, path: '/a#b' } }, 'badPath'],
  [{ http: { port: 80, path: `/${'a'.repeat(4_096)}` } }, 'badPath'],
  [{ http: { port: 80, host: 'a\r\nX: y' } }, 'badHost'],
  [{ http: { port: 80, host: '' } }, 'badHost'],
  [{ http: { port: 443, scheme: 'https' } }, 'noHttps'],
  [{ command: [] }, 'noCommand'],
])('%j is refused: %s', (check, code) => {
  expect(() => parseCheck(check)).toThrowError(expect.objectContaining({ code: `health-check.${code}` }));
});

test.each<Check>([
  { http: { port: 80 } },
  { http: { port: 8080, path: '/a/b?c=d&e', host: 'web.example:8080', scheme: 'http' } },
  { tcp: { port: 65_535 } },
  { command: ['true'] },
])('%j can be asked', (check) => {
  expect(parseCheck(check)).toBe(check);
  expect(checkOf({ ...check, ...{ intervalMs: 5 } } as Check)).toEqual(check);
});
