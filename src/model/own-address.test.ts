import { expect, test } from 'vitest';
import { isOwnHost } from './own-address.ts';

test.each([
  '127.0.0.1',
  '127.8.9.10',
  '0.0.0.0',
  '169.254.169.254',
  'localhost',
  'LOCALHOST',
  'a.localhost',
  '[::1]',
  '[::]',
  '[fe80::1]',
  '[::ffff:7f00:1]',
  '[::ffff:a9fe:a9fe]',
  '::ffff:127.0.0.1',
])('%s is of this machine alone', (host) => {
  expect(isOwnHost(host)).toBe(true);
});

test.each([
  'example.org',
  '10.0.0.1',
  '128.0.0.1',
  'localhost.example.org',
  '[2001:db8::1]',
  '[::ffff:a00:1]',
  '[fec0::1]',
])('%s is of others, too', (host) => {
  expect(isOwnHost(host)).toBe(false);
});
