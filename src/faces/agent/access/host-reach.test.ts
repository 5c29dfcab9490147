import { expect, test } from 'vitest';
import type { ContainerRequest } from '../../../model/check-request.ts';
import { completeConfig } from '../../../model/container-request.ts';
import { hostReachOf, volumeReachOf } from './host-reach.ts';

const IMAGE: ContainerRequest = { rootfs: { kind: 'image', reference: 'hello' } };
const reach = (request: Partial<ContainerRequest>) => hostReachOf(completeConfig({ ...IMAGE, ...request }));
const at = { containerPath: '/data', readOnly: false };

test('what every container may have reaches no host', () => {
  const ordinary: Partial<ContainerRequest> = {
    ...{
      name: 'web',
      command: ['true'],
      env: ['A=b'],
      workdir: '/',
      user: '0',
      hostname: 'web',
      labels: { team: 'a' },
    },
    network: 'none',
    namespaces: { user: { kind: 'auto', count: 65536 }, pid: { kind: 'private' }, ipc: { kind: 'shareable' } },
    volumes: [
      { kind: 'named', name: 'data', ...at },
      { kind: 'tmpfs', containerPath: '/t', readOnly: false, exec: true },
      { kind: 'image', reference: 'hello', containerPath: '/i', readOnly: true },
      { kind: 'sandbox', of: 'self', path: 'x', containerPath: '/s', readOnly: false },
    ],
    resources: { memoryLimitBytes: 1 << 30, cpuMillis: 500, pidsLimit: 10 },
    process: { rlimits: { nofile: { soft: 10, hard: 10 } }, oomScoreAdj: 500 } as never,
    security: { capabilities: { drop: ['ALL'] }, noNewPrivileges: true, hiddenPaths: { mask: ['/etc'] } },
    ...{ readOnlyRootfs: true, init: true, terminal: true, stdin: true, owned: true, autoRemove: true },
  };
  expect(reach(ordinary)).toEqual([]);
});

test.each<[string, Partial<ContainerRequest>, string]>([
  ['a path of the host', { volumes: [{ kind: 'host-path', hostPath: '/', ...at }] }, 'host path /'],
  [
    'a path of the host, read-only',
    { volumes: [{ kind: 'host-path', hostPath: '/etc', ...at, readOnly: true }] },
    'host path /etc',
  ],
  [
    'a volume that its driver shows elsewhere',
    { volumes: [{ kind: 'named', name: 'a', ...at, options: { device: '/' } }] },
    'driver option device of the volume at /data',
  ],
  [
    'another driver',
    { volumes: [{ kind: 'named', name: 'a', ...at, driver: 'other' }] },
    'driver other of the volume at /data',
  ],
  [
    'device nodes that mean something',
    { volumes: [{ kind: 'tmpfs', ...at, dev: true }] },
    'devices in the volume at /data',
  ],
  ['an image in a directory of the host', { rootfs: { kind: 'image', reference: 'oci:/root/x' } }, 'image oci:/root/x'],
  [
    'an archive of the host as a volume',
    { volumes: [{ kind: 'image', reference: 'oci-archive:/root/x.tar:a', ...at, readOnly: true }] },
    'image oci-archive:/root/x.tar',
  ],
  ['privileged', { security: { privileged: true } }, 'privileged'],
  ['no filter of system calls', { security: { seccomp: { kind: 'unconfined' } } }, 'seccomp unconfined'],
  ['a filter of its own', { security: { seccomp: { kind: 'profile', name: 'x', content: '{}' } } }, 'seccomp profile'],
  ["not the agent's filter", { security: { seccomp: { kind: 'builtin' } } }, 'seccomp builtin'],
  ['a capability', { security: { capabilities: { add: ['SYS_ADMIN'] } } }, 'capabilities add'],
  ['a set of capabilities', { security: { capabilities: { bounding: ['SYS_ADMIN'] } } }, 'capabilities bounding'],
  ['rights by exec', { security: { noNewPrivileges: false } }, 'noNewPrivileges false'],
  ['no label', { security: { labels: { appArmor: 'unconfined' } } }, 'appArmor'],
  ['what is hidden', { security: { hiddenPaths: { unmask: 'all' } } }, 'hiddenPaths unmask'],
  ["the host's network", { network: 'host' }, 'network host'],
  ["the host's processes", { namespaces: { pid: { kind: 'host' } } }, 'pid namespace host'],
  ["the host's ipc", { namespaces: { ipc: { kind: 'host' } } }, 'ipc namespace host'],
  ["the host's name", { namespaces: { uts: { kind: 'host' } } }, 'uts namespace host'],
  ["the host's groups", { namespaces: { cgroup: { kind: 'host' } } }, 'cgroup namespace host'],
  ["the host's ids", { namespaces: { user: { kind: 'host' } } }, 'user namespace host'],
  [
    'chosen ids of the host',
    {
      namespaces: {
        user: { kind: 'map', uids: [{ container: 0, host: 0, count: 1 }], gids: [{ container: 0, host: 0, count: 1 }] },
      },
    },
    'user namespace map',
  ],
  ["the host's files", { rootfs: { kind: 'none' }, command: ['sh'] }, 'rootfs none'],
  ['a directory of the host', { rootfs: { kind: 'directory', path: '/' }, command: ['sh'] }, 'rootfs directory'],
  ['a device', { devices: [{ hostPath: '/dev/sda', containerPath: '/dev/sda', access: 'rw' }] }, 'devices'],
  ['a rule for devices', { deviceRules: ['b 8:0 rwm'] }, 'deviceRules'],
  ['programs of the host', { hooks: { poststop: [{ path: '/bin/sh' }] } }, 'hooks'],
  ['fewer isolators', { isolation: ['filesystem/linux'] }, 'isolation'],
  ['no killing', { process: { oomScoreAdj: -1 } as never }, 'oomScoreAdj -1'],
  ['time that others wait for', { process: { scheduler: { policy: 'fifo', priority: 1 } } as never }, 'scheduler fifo'],
  [
    'the disk before others',
    { process: { ioPriority: { class: 'realtime', level: 0 } } as never },
    'ioPriority realtime',
  ],
  ['a path of a device', { resources: { ioDevices: [{ device: '/dev/sda', blkioWeight: 100 }] } }, 'device /dev/sda'],
  ['a class of packets', { resources: { netClassId: 7 } }, 'netClassId'],
])('%s reaches the host', (_, request, what) => {
  expect(reach(request)).toEqual([what]);
});

test('an image of a directory that somebody else has brought is read from the store, where nothing may be pulled', () => {
  expect(reach({ rootfs: { kind: 'image', reference: 'oci:/root/x' }, pull: 'never' })).toEqual([]);
  expect(reach({ rootfs: { kind: 'image', reference: 'oci:/root/x' }, pull: 'always' })).toHaveLength(1);
});

test('a field that nobody has decided about reaches the host', () => {
  expect(hostReachOf({ ...completeConfig(IMAGE), wormhole: true } as never)).toEqual(['wormhole']);
});

test('a volume with options of a driver reaches the host', () => {
  expect(volumeReachOf({ options: { type: 'none', device: '/' } })).toEqual([
    'driver option type',
    'driver option device',
  ]);
  expect(volumeReachOf({})).toEqual([]);
});
