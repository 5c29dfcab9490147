import { expect, test } from 'vitest';
import { digestHex, parseDigest } from './digest.ts';

test('a digest is parsed and gives its hex part', () => {
  const digest = parseDigest(`sha256:${'a'.repeat(64)}`);
  expect(digestHex(digest)).toBe('a'.repeat(64));
});

test('a digest with a wrong length is refused', () => {
  expect(() => parseDigest('sha256:abc')).toThrow('64 lower-case hex digits');
});
