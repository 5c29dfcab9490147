import { expect, test } from 'vitest';
import { parseLandlock } from './landlock.ts';

test('paths are made normal and what is not said stays away', () => {
  const rule = { path: '/usr//lib/', access: ['read'] } as const;
  expect(parseLandlock({ paths: [rule], scoped: false })).toEqual({ paths: [{ path: '/usr/lib', access: ['read'] }] });
});

test('no port at all may be allowed', () => {
  expect(parseLandlock({ connectTcpPorts: [] })).toEqual({ connectTcpPorts: [] });
});

test.each([
  [{}, 'without any rule'],
  [{ scoped: false }, 'without any rule'],
  [{ paths: [{ path: '/a', access: [] }] }, 'allows nothing'],
  [{ paths: [{ path: 'a', access: ['read'] as const }] }, 'not an absolute path'],
  [{ bindTcpPorts: [65_536] }, '65536 is not a TCP port'],
  [{ bindTcpPorts: Array.from({ length: 257 }, (_, port) => port) }, '257 Landlock rules'],
])('%j is refused', (request, message) => {
  expect(() => parseLandlock(request)).toThrow(message);
});
