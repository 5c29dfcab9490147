import { expect, test } from 'vitest';
import { hostIdOf, mapText } from './id-mapping.ts';
import { checkNamespaces, type NamespaceRequest } from './namespace-config.ts';

const image = { rootfs: { kind: 'image' } } as const;
const range = (container: number, host: number, count: number) => ({ container, host, count });
const map = (...ranges: ReturnType<typeof range>[]): NamespaceRequest => ({
  user: { kind: 'map', uids: ranges, gids: ranges },
});

test('what says nothing, and each choice by itself, is fine', () => {
  for (const request of [
    {},
    { user: { kind: 'auto', count: 65_536 } },
    map(range(0, 100_000, 1000), range(1000, 1, 1)),
    { pid: { kind: 'container', container: 'web' } },
    { ipc: { kind: 'shareable' }, shmBytes: 1 << 20 },
    { time: { monotonicNs: -1, boottimeNs: 864e12 } },
  ] as const) {
    expect(() => checkNamespaces(request, image)).not.toThrow();
  }
});

test.each([
  [map(), '0 ranges are not within'],
  [map(range(1, 5, 10)), 'no container id 0'],
  [map(range(0, 5, 0)), 'a range holds at least one'],
  [map(range(0, 4_294_967_290, 10)), 'ids are whole numbers from 0 to 4294967294'],
  [map(range(0, 100, 10), range(5, 200, 10)), 'two ranges share container id 5'],
  [map(range(0, 100, 10), range(10, 109, 10)), 'two ranges share host id 109'],
  [{ user: { kind: 'auto', count: 0 } }, 'a user namespace of 0 ids'],
  [{ user: { kind: 'auto', count: 10 }, pid: { kind: 'host' } }, 'the kernel shows no /proc in a user namespace'],
  [{ ipc: { kind: 'host' }, shmBytes: 1 << 20 }, 'with ipc host the container has none of its own'],
  [{ shmBytes: 100 }, 'a /dev/shm of 100 bytes'],
  [{ time: { monotonicNs: 1e18, boottimeNs: 0 } }, 'time offset monotonic'],
  [{ pid: { kind: 'container', container: '' } }, 'pid names no container'],
  [{ networkOf: '' }, 'network names no container'],
] as const)('%j is refused', (request, message) => {
  expect(() => checkNamespaces(request as NamespaceRequest, image)).toThrow(message);
});

test('choices that contradict the rest of the request are refused', () => {
  const user = { user: { kind: 'auto', count: 10 } } as const;
  expect(() => checkNamespaces(user, { rootfs: { kind: 'none' } })).toThrow("the host's own files");
  const uts = { uts: { kind: 'host' } } as const;
  expect(() => checkNamespaces(uts, { ...image, hostname: 'web' })).toThrow('host name web was given');
  expect(() => checkNamespaces({ networkOf: 'web' }, { ...image, network: 'host' })).toThrow(
    'network host was asked for',
  );
});

test('a map is written as the kernel reads it, and read back', () => {
  const ranges = [range(0, 100_000, 10), range(10, 5, 1)];
  expect(mapText(ranges)).toBe('0 100000 10\n10 5 1\n');
  expect([0, 9, 10, 11].map((id) => hostIdOf(ranges, id))).toEqual([100_000, 100_009, 5, undefined]);
});
