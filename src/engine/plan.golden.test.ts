import { describe, expect, test } from 'vitest';
import { parseContainerUid } from '../model/container-id.ts';
import { completeConfig, completeExecConfig } from '../model/container-request.ts';
import type { LaunchPlan } from '../model/launch-plan.ts';
import { encodeMessage } from '../model/wire-codec.ts';
import { encodeLaunch } from '../plan/encode.ts';
import { encodeSession } from '../plan/encode-session.ts';
import {
  ALL_V1,
  ALL_V2,
  CHANNEL,
  DEBIAN,
  type GoldenCase,
  golden,
  HYBRID,
  OVERLAY,
  planOf,
  planText,
  stepLines,
  V2,
} from './golden.fixture.ts';
import { enginePaths } from './paths.ts';
import { PlanTemplate, type Tickets } from './planned-launch.ts';

const SECRETS = new Map([['token', Buffer.from('golden secret')]]);

/** A volume, every limit, and everything that an image brings. */
const debian: GoldenCase = {
  request: {
    command: ['python3', '-c', 'print(1)'],
    env: ['LANG=C'],
    volumes: [{ kind: 'host-path', hostPath: '/data', containerPath: '/mnt/data', readOnly: true }],
    resources: { memoryLimitBytes: 64 << 20, cpuMillis: 1500, pidsLimit: 100 },
  },
  image: DEBIAN,
  rootfs: OVERLAY,
  hierarchies: HYBRID,
  files: { '/data/x': '' },
};

/** Every limit that both versions have. */
const limited: Omit<GoldenCase, 'hierarchies'> = {
  request: {
    rootfs: { kind: 'none' },
    command: ['id'],
    resources: {
      ...{ cpuMillis: 1500, cpuBurstUs: 5000, cpuShares: 512, cpusetCpus: '1', cpusetMems: '0', pidsLimit: 100 },
      ...{ memoryLimitBytes: 64 << 20, memoryReservationBytes: 32 << 20, memorySwapBytes: 96 << 20 },
      blkioWeight: 300,
      ioDevices: [
        { device: '/dev/sda', readBytesPerSecond: 1 << 20, writeOperationsPerSecond: 100 },
        { device: '8:16', writeBytesPerSecond: 1 << 20, blkioWeight: 100 },
      ],
      hugePages: [{ pageSize: '2MB', limitBytes: 4 << 20 }],
    },
  },
  files: {
    '/dev/sda': '= block 8:0',
    '/sys/dev/block/8:0/size': '1',
    '/sys/dev/block/8:16/queue/scheduler': 'none [bfq]',
  },
};

/** One volume of every kind, with all that can be asked of it. */
const volumes: GoldenCase = {
  request: {
    volumes: [
      {
        ...({ kind: 'host-path', hostPath: '/data', containerPath: '/host', readOnly: true } as const),
        ...({ propagation: 'slave', recursion: 'writable', noexec: true, nosuid: true } as const),
      },
      { kind: 'named', name: 'fresh', containerPath: '/named', readOnly: false },
      { kind: 'named', name: 'part', containerPath: '/part', readOnly: true, subpath: 'a/b', chown: true },
      {
        ...({ kind: 'named', name: 'mapped', containerPath: '/mapped', readOnly: false } as const),
        idMap: { uids: [{ onDisk: 0, seen: 1000, count: 5 }], gids: [{ onDisk: 0, seen: 2000, count: 5 }] },
      },
      { kind: 'tmpfs', containerPath: '/memory', readOnly: false, sizeBytes: 1 << 20 },
      { kind: 'image', reference: 'tools', containerPath: '/tools', readOnly: true, subpath: 'bin' },
      { kind: 'secret', secret: 'token', containerPath: '/run/secrets/token', readOnly: true },
      { kind: 'sandbox', of: 'self', path: 'work', containerPath: '/work', readOnly: false },
    ],
    secretVariables: [{ variable: 'TOKEN', secret: 'token' }],
  },
  image: DEBIAN,
  rootfs: OVERLAY,
  hierarchies: HYBRID,
  files: { '/data/x': '', '/proc/self/mountinfo': '30 1 8:1 / / rw shared:1 - ext4 /dev/a rw\n' },
  volumeSources: {
    '/named': { kind: 'directory', path: '/var/lib/isopod/volumes/fresh/data', fill: 'completing' },
    '/part': { kind: 'directory', path: '/var/lib/isopod/volumes/part/data' },
    '/mapped': { kind: 'directory', path: '/var/lib/isopod/volumes/mapped/data' },
    '/tools': { kind: 'layers', lowerDirs: ['/var/lib/isopod/layers/tools'] },
  },
};

const cases: Readonly<Record<string, GoldenCase>> = {
  'debian-all': debian,
  'debian-v2': { ...debian, hierarchies: V2 },
  'debian-host-network': {
    image: DEBIAN,
    rootfs: OVERLAY,
    hierarchies: HYBRID,
    request: { network: 'host', init: true },
  },
  'limits-v1': { ...limited, hierarchies: ALL_V1 },
  'limits-v2': { ...limited, hierarchies: ALL_V2 },
  'no-image': { request: { rootfs: { kind: 'none' }, command: ['id'] }, hierarchies: HYBRID },
  'nothing-at-all': { request: { rootfs: { kind: 'none' }, command: ['id'], isolation: [] }, hierarchies: HYBRID },
  'freezer-only': {
    request: { rootfs: { kind: 'none' }, command: ['id'], isolation: ['linux/nnp'] },
    hierarchies: HYBRID.filter(({ controllers }) => controllers.includes('freezer')),
  },
  'directory-read-only': {
    request: { rootfs: { kind: 'directory', path: '/srv/root' }, command: ['sh'], readOnlyRootfs: true },
    rootfs: { kind: 'directory', path: '/srv/root' },
    hierarchies: HYBRID,
    files: { '/srv/root/bin/sh': '' },
  },
  volumes,
  terminal: {
    request: { terminal: true, terminalSize: { rows: 40, columns: 120 }, stdin: true, owned: true, user: '0' },
    image: DEBIAN,
    rootfs: OVERLAY,
    hierarchies: HYBRID,
  },
};

const ids = [{ container: 0, host: 1_000_000, count: 65_536 }];
const inUser = { uids: ids, gids: ids } as const;
const userCases: Readonly<Record<string, GoldenCase>> = {
  'user-namespace': {
    ...debian,
    request: { ...debian.request, namespaces: { user: { kind: 'auto', count: 65_536 } } },
    userNamespace: { ...inUser, files: 'idmapped' },
  },
  'user-namespace-shifted': {
    image: DEBIAN,
    rootfs: OVERLAY,
    hierarchies: V2,
    request: { network: 'host', namespaces: { user: { kind: 'auto', count: 65_536 }, ipc: { kind: 'host' } } },
    userNamespace: { ...inUser, files: 'shifted' },
  },
  'user-namespace-directory': {
    request: {
      rootfs: { kind: 'directory', path: '/srv/root' },
      command: ['sh'],
      readOnlyRootfs: true,
      namespaces: { user: { kind: 'map', ...inUser } },
    },
    rootfs: { kind: 'directory', path: '/srv/root' },
    userNamespace: { ...inUser, files: 'idmapped' },
    hierarchies: HYBRID,
    files: { '/srv/root/bin/sh': '' },
  },
  'joined-namespaces': {
    image: DEBIAN,
    rootfs: OVERLAY,
    hierarchies: HYBRID,
    request: {
      namespaces: {
        ipc: { kind: 'container', container: 'web' },
        pid: { kind: 'container', container: 'web' },
        networkOf: 'web',
        time: { monotonicNs: 5e9, boottimeNs: -1_500_000_000 },
      },
    },
    joined: {
      web: {
        init: { container: parseContainerUid('ba9876543210'), pid: 77, startTime: '123' },
        config: completeConfig({
          name: 'web',
          rootfs: { kind: 'image', reference: 'debian:12' },
          namespaces: { ipc: { kind: 'shareable' } },
        }),
        namespaces: ['mount', 'pid', 'ipc', 'uts', 'net', 'cgroup'],
        runtimeDir: '/var/lib/isopod/containers/ba9876543210/files',
      },
    },
  },
};

describe.each(Object.entries({ ...cases, ...userCases }))('%s', (name, one) => {
  test('the plan is as it was', async () => {
    const text = planText(await planOf(one));
    expect(text).toBe(golden(`${name}.plan.json`, text));
  });

  test('its steps are as they were, and fit into a frame', async () => {
    const encoded = encodeLaunch(await planOf(one), { ...CHANNEL, secrets: SECRETS });
    const text = stepLines(encoded);
    expect(text).toBe(golden(`${name}.steps.txt`, text));
    expect(encodeMessage('launch', encoded).payload.length).toBeLessThan(64 << 10);
  });
});

test('in a user namespace a session becomes its root before all else', async () => {
  const plan = await planOf(userCases['user-namespace'] as GoldenCase);
  const exec = completeExecConfig(plan.uid, { command: ['sh'] });
  const text = stepLines(encodeSession({ plan, exec, init: { pid: 4242, startTime: 99n }, channel: CHANNEL }));
  expect(text).toBe(golden('exec-session-user-namespace.steps.txt', text));
});

test('a secret is in the frame of a launch, and neither in its plan nor in an exec session', async () => {
  const plan = await planOf(volumes);
  const exec = completeExecConfig(plan.uid, { command: ['sh'] });
  const frame = encodeMessage('launch', encodeLaunch(plan, { ...CHANNEL, secrets: SECRETS })).payload;
  expect(Buffer.from(frame).includes('TOKEN=golden secret')).toBe(true);
  expect(JSON.stringify(plan)).not.toContain('golden secret');
  const init = { pid: 4242, startTime: 99n };
  expect(stepLines(encodeSession({ plan, exec, init, channel: CHANNEL }))).not.toContain('golden secret');
});

test('a secret without a value is refused by name', async () => {
  const plan = await planOf(volumes);
  expect(() => encodeLaunch(plan, CHANNEL)).toThrow('secret token, and no value came');
});

test('the steps of an exec session are as they were', async () => {
  const plan = await planOf(debian);
  const exec = completeExecConfig(plan.uid, { command: ['sh'], terminal: true, env: ['A=1'], user: '1000:1000' });
  const text = stepLines(encodeSession({ plan, exec, init: { pid: 4242, startTime: 99n }, channel: CHANNEL }));
  expect(text).toBe(golden('exec-session.steps.txt', text));
});

describe.each(Object.entries(cases))('the template of %s', (_name, one) => {
  const paths = enginePaths('/var/lib/isopod', '/run/isopod');
  const tickets = (fill: number, owned: boolean): Tickets => ({
    control: new Uint8Array(16).fill(fill),
    owner: new Uint8Array(owned ? 16 : 0).fill(fill + 1),
  });

  test('gives the launch of another container as its own plan would', async () => {
    const plan = await planOf(one);
    const other = parseContainerUid('fedcba987654');
    const text = JSON.stringify(plan).replaceAll(plan.uid, other);
    const values = (fill: number) => ({ tickets: tickets(fill, plan.stdio.owned), secrets: SECRETS });
    const own = new PlanTemplate(JSON.parse(text) as LaunchPlan, paths, values(3));
    const launch = new PlanTemplate(plan, paths, values(1)).launch(other, tickets(3, plan.stdio.owned));
    const expected = own.launch(other, tickets(3, plan.stdio.owned));
    expect(launch.payload).toEqual(expected.payload);
    expect(launch.payload).toEqual(encodeMessage('launch', launch.encoded()).payload);
    expect(launch.planText).toBe(text);
    expect(launch).toMatchObject({
      isolators: plan.isolators,
      command: plan.command.arguments,
      groups: expected.groups,
    });
  });
});
