import { expect, test } from 'vitest';
import { parseVolumes } from './check-volume.ts';
import type { VolumeRequest } from './volume.ts';

const at = { containerPath: '/c', readOnly: false } as const;

function parse(volume: VolumeRequest) {
  return parseVolumes([volume])[0];
}

test('fields without a value are no fields', () => {
  const parsed = parse({ kind: 'named', name: 'v', ...at, subpath: undefined, noCopy: true });
  expect(parsed).toEqual({ kind: 'named', name: 'v', ...at, noCopy: true });
  expect(Object.keys(parsed ?? {})).not.toContain('subpath');
});

test('an image volume and a secret are read-only, whatever is said', () => {
  expect(parse({ kind: 'image', reference: 'i', ...at })).toMatchObject({ readOnly: true });
  expect(parse({ kind: 'secret', secret: 's', ...at })).toMatchObject({ readOnly: true });
});

test.each<[string, VolumeRequest, string]>([
  ['a name with a slash', { kind: 'named', name: 'a/b', ...at }, 'does not match'],
  ['a subpath that leads out', { kind: 'named', name: 'v', subpath: 'a/../../b', ...at }, 'stays inside'],
  ['an absolute subpath', { kind: 'image', reference: 'i', subpath: '/etc', ...at }, 'stays inside'],
  ['a sandbox path that leads out', { kind: 'sandbox', of: 'self', path: '..', ...at }, 'stays inside'],
  ['a tmpfs of 5 bytes', { kind: 'tmpfs', sizeBytes: 5, ...at }, 'size 5 of volume tmpfs'],
  ['a mode of file types', { kind: 'tmpfs', mode: 0o100644, ...at }, 'mode 0100644'],
  ['uid 4294967295, which is none', { kind: 'secret', secret: 's', uid: 0xffff_ffff, ...at }, 'uid 4294967295'],
  [
    'writable recursion of a writable bind',
    { kind: 'host-path', hostPath: '/h', recursion: 'writable', ...at },
    'exclude',
  ],
  [
    'an id map over the end of all ids',
    { kind: 'named', name: 'v', idMap: { uids: [{ onDisk: 0, seen: 0xffff_fff0, count: 100 }], gids: [] }, ...at },
    'id map uids',
  ],
])('%s is refused', (_, volume, message) => {
  expect(() => parse(volume)).toThrow(message);
});
