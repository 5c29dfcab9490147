import { expect, test } from 'vitest';
import { namespacesOf, networkModeOf, parseIdRange, parseNamespaceKinds } from './namespace-options.ts';

test('nothing said is nothing asked', () => {
  expect(namespacesOf({})).toBeUndefined();
  expect(networkModeOf({})).toBeUndefined();
  expect(networkModeOf({ network: 'host' })).toBe('host');
});

test('a user namespace is automatic, of a size, or none', () => {
  expect(namespacesOf({ userns: 'auto' })).toEqual({ user: { kind: 'auto', count: 65_536 } });
  expect(namespacesOf({ userns: 'auto:size=1000' })).toEqual({ user: { kind: 'auto', count: 1000 } });
  expect(namespacesOf({ userns: 'host' })).toEqual({ user: { kind: 'host' } });
});

test('a map of user ids is that of groups, too, unless one is given', () => {
  const uids = [{ container: 0, host: 100, count: 10 }];
  expect(namespacesOf({ uidmap: ['0:100:10'] })).toEqual({ user: { kind: 'map', uids, gids: uids } });
  const gids = [{ container: 0, host: 200, count: 10 }];
  expect(namespacesOf({ uidmap: ['0:100:10'], gidmap: ['0:200:10'] })).toEqual({ user: { kind: 'map', uids, gids } });
});

test('modes name the host, an own one, or a container', () => {
  const options = { pid: 'container:web', ipc: 'shareable', uts: 'host', cgroupns: 'private', network: 'container:db' };
  expect(namespacesOf(options)).toEqual({
    pid: { kind: 'container', container: 'web' },
    ipc: { kind: 'shareable' },
    uts: { kind: 'host' },
    cgroup: { kind: 'private' },
    networkOf: 'db',
  });
  expect(networkModeOf(options)).toBeUndefined();
});

test('sizes and clocks have units', () => {
  expect(namespacesOf({ shmSize: '8m', timeOffset: 'monotonic=1h,boottime=-30s' })).toEqual({
    shmBytes: 8 << 20,
    time: { monotonicNs: 3600e9, boottimeNs: -30e9 },
  });
});

test.each([
  [{ userns: 'yes' }, '--userns "yes" is not host, auto'],
  [{ userns: 'auto', uidmap: ['0:1:1'] }, '--userns auto was given, and a map of ids too'],
  [{ uidmap: ['0:1'] }, '--uidmap "0:1" is not CONTAINER:HOST:COUNT'],
  [{ pid: 'shareable' }, '--pid "shareable" is not private, host, parent or container:ID'],
  [{ ipc: 'container:' }, '--ipc "container:" is not container: and the name'],
  [{ uts: 'container:web' }, '--uts "container:web" is not private or host'],
  [{ timeOffset: 'realtime=1s' }, '--time-offset "realtime=1s" is not monotonic=TIME'],
])('%j is refused', (options, message) => {
  expect(() => namespacesOf(options)).toThrow(message);
});

test('an unknown network is refused', () => {
  expect(() => networkModeOf({ network: 'web' })).toThrow('--network "web" is not none, host or container:ID');
});

test('what an agent may give out and forbid is checked', () => {
  expect(parseIdRange('--userns-range', '1000000:65536')).toEqual({ first: 1_000_000, count: 65_536 });
  expect(() => parseIdRange('--userns-range', '0:65536')).toThrow('without id 0');
  expect(parseNamespaceKinds('--disallow-host-namespaces', 'pid,ipc')).toEqual(['pid', 'ipc']);
  expect(() => parseNamespaceKinds('--disallow-host-namespaces', 'pid,all')).toThrow('is not among mount, pid');
});
