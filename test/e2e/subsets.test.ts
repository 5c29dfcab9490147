import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { instanceGroups } from '../../src/launcher/group-tree.ts';
import { V2_PROCESS_GROUP } from '../../src/launcher/placement.ts';
import { DEFAULT_CAPABILITIES } from '../../src/linux/capabilities.ts';
import type { CgroupHierarchy } from '../../src/linux/cgroup-hierarchy.ts';
import { CallerGroups } from '../support/caller-groups.ts';
import { IsopodHost } from '../support/isopod-host.ts';
import { groupsOf, type NamespaceName, ownNamespaces, type ProcessView, viewProcess } from '../support/process-view.ts';

const hasBusybox = existsSync('/bin/busybox');
const MIB = 1 << 20;

/** One choice of isolators and what of it must be in force, no more and no less. */
interface Subset {
  readonly what: string;
  readonly isolation: readonly string[];
  /** Beside the isolators; without a root file system unless it names one. */
  readonly request?: Readonly<Record<string, unknown>>;
  /** `image` and `directory` are of a busybox. */
  readonly rootfs?: 'image' | 'directory';
  readonly namespaces?: readonly NamespaceName[];
  /** Limits to be found, by v1 controller and version: file and content. */
  readonly limits?: Readonly<Record<string, Readonly<Record<1 | 2, readonly (readonly [string, string])[]>>>>;
  readonly defaultCapabilities?: boolean;
  readonly noNewPrivileges?: boolean;
}

const MEMORY = {
  1: [
    ['memory.limit_in_bytes', String(64 * MIB)],
    ['memory.memsw.limit_in_bytes', String(64 * MIB)],
  ],
  2: [['memory.max', String(64 * MIB)]],
} as const;
const CPU = {
  1: [
    ['cpu.cfs_quota_us', '50000'],
    ['cpu.cfs_period_us', '100000'],
  ],
  2: [['cpu.max', '50000 100000']],
} as const;
const PIDS = { 1: [['pids.max', '20']], 2: [['pids.max', '20']] } as const;
const ACCOUNTED = { 1: [], 2: [] } as const;

const SUBSETS: readonly Subset[] = [
  { what: 'nothing at all', isolation: [] },
  {
    what: 'memory without cpu',
    isolation: ['cgroups/memory'],
    request: { resources: { memoryLimitBytes: 64 * MIB } },
    limits: { memory: MEMORY },
  },
  {
    what: 'pids only',
    isolation: ['cgroups/pids'],
    request: { resources: { pidsLimit: 20 } },
    limits: { pids: PIDS },
  },
  {
    what: 'cgroups only',
    isolation: ['cgroups/cpu', 'cgroups/memory', 'cgroups/pids'],
    request: { resources: { memoryLimitBytes: 64 * MIB, cpuMillis: 500, pidsLimit: 20 } },
    limits: { memory: MEMORY, cpu: CPU, cpuacct: ACCOUNTED, pids: PIDS },
  },
  { what: 'accounting of memory without a limit', isolation: ['cgroups/memory'], limits: { memory: ACCOUNTED } },
  { what: 'mount without network', isolation: ['filesystem/linux'], rootfs: 'directory', namespaces: ['mnt'] },
  { what: 'network without mount', isolation: ['network/none'], namespaces: ['net'] },
  {
    what: 'host name without anything else',
    isolation: ['namespaces/uts'],
    request: { hostname: 'subset' },
    namespaces: ['uts'],
  },
  {
    what: 'processes and mounts',
    isolation: ['filesystem/linux', 'namespaces/pid'],
    namespaces: ['mnt', 'pid'],
  },
  {
    what: 'host name, queues and mounts',
    isolation: ['filesystem/linux', 'namespaces/ipc', 'namespaces/uts'],
    namespaces: ['ipc', 'mnt', 'uts'],
  },
  {
    what: 'a view of its own of cgroups, without a limit',
    isolation: ['filesystem/linux', 'namespaces/cgroup'],
    rootfs: 'directory',
    namespaces: ['cgroup', 'mnt'],
  },
  {
    what: 'rights only',
    isolation: ['linux/capabilities', 'linux/nnp'],
    defaultCapabilities: true,
    noNewPrivileges: true,
  },
  { what: 'no new privileges, with all capabilities', isolation: ['linux/nnp'], noNewPrivileges: true },
  {
    what: 'an image with mounts only',
    isolation: ['filesystem/linux', 'runtime/image'],
    rootfs: 'image',
    namespaces: ['mnt'],
  },
  {
    what: 'a volume and a pids limit',
    isolation: ['filesystem/linux', 'volume/host_path', 'cgroups/pids'],
    request: {
      volumes: [{ kind: 'host-path', hostPath: '/usr', containerPath: '/mnt', readOnly: true }],
      resources: { pidsLimit: 20 },
    },
    rootfs: 'directory',
    namespaces: ['mnt'],
    limits: { pids: PIDS },
  },
  {
    what: 'everything',
    isolation: [
      ...['filesystem/linux', 'namespaces/pid', 'namespaces/ipc', 'namespaces/uts', 'namespaces/cgroup'],
      ...['network/none', 'cgroups/cpu', 'cgroups/memory', 'cgroups/pids', 'volume/host_path', 'runtime/image'],
      ...['linux/capabilities', 'linux/nnp'],
    ],
    request: { resources: { memoryLimitBytes: 64 * MIB, cpuMillis: 500, pidsLimit: 20 } },
    rootfs: 'image',
    namespaces: ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts'],
    limits: { memory: MEMORY, cpu: CPU, cpuacct: ACCOUNTED, pids: PIDS },
    defaultCapabilities: true,
    noNewPrivileges: true,
  },
];

let isopod: IsopodHost;
let caller: CallerGroups;
let engine: ProcessView;

beforeAll(async () => {
  isopod = await IsopodHost.make();
  caller = new CallerGroups(isopod.view.hierarchies, `${isopod.view.instance}-caller`);
  await isopod.runInGroups(caller.paths, ['version']);
  engine = viewProcess(await isopod.agentPid());
});
afterAll(async () => {
  try {
    await isopod.close();
  } finally {
    caller.remove();
  }
});
afterEach(async () => {
  await isopod.removeAll();
});

test('agent, fork server and workers have left the groups of whoever started them', () => {
  expect(caller.members()).toEqual([]);
  const members = isopod.view.processes();
  expect(members.length).toBeGreaterThanOrEqual(3);
  for (const { pid } of members) expectGroups(groupsOf(pid), ({ engine: path }) => path);
});

for (const subset of SUBSETS) {
  const lacks = subset.rootfs !== undefined && !hasBusybox ? ' (lacks busybox-static)' : '';
  describe.skipIf(lacks !== '')(`${subset.what}${lacks}`, () => {
    test('is in force for the first process and for one that joins it, and nothing else is', async () => {
      const { status } = await isopod.launch({ ...requestOf(subset), isolation: subset.isolation });
      const { uid, pid } = status;
      expect([...status.isolators].sort()).toEqual([...subset.isolation].sort());
      const session = await isopod.api.expect<{ readonly pid: number }>('POST', `/v1/containers/${uid}/exec`, {
        command: ['/bin/sleep', '100'],
      });
      for (const process of [pid ?? 0, session.pid]) {
        const view = viewProcess(process);
        expectInForce(view, subset);
        expectContainerGroups(view, uid, subset);
      }
      expectLimits(uid, subset);
      expect(viewProcess(session.pid).namespaces).toEqual(viewProcess(pid ?? 0).namespaces);
    });
  });
}

test('a launch by a caller in groups of its own leaves nobody there', async () => {
  await isopod.runInGroups(caller.paths, ['run', '-d', '--no-image', '--isolation', '', '/bin/sleep', '100']);
  expect(await isopod.list()).toHaveLength(1);
  expect(caller.members()).toEqual([]);
});

test('an isolator without the one that it needs is refused by name, and leaves nothing', async () => {
  const request = { rootfs: { kind: 'none' }, command: ['/bin/true'], isolation: ['namespaces/ipc'] };
  const { status, body } = await isopod.api.call('POST', '/v1/containers', request);
  expect(status).toBe(400);
  expect(body).toMatchObject({ code: 'isolators.requires', message: expect.stringContaining('filesystem/linux') });
  expect(isopod.containerRemains()).toEqual([]);
});

test('a limit without the isolator that serves it is refused, not ignored', async () => {
  const request = { rootfs: { kind: 'none' }, command: ['/bin/true'], isolation: ['cgroups/pids'] };
  const resources = { memoryLimitBytes: 64 * MIB };
  const { status, body } = await isopod.api.call('POST', '/v1/containers', { ...request, resources });
  expect(status).toBe(400);
  expect(body).toMatchObject({ code: 'isolators.unserved', message: expect.stringContaining('cgroups/memory') });
  expect(isopod.containerRemains()).toEqual([]);
});

function requestOf({ rootfs, request }: Subset): Readonly<Record<string, unknown>> {
  const command = ['/bin/sleep', '100'];
  if (rootfs === 'image') {
    return { command, ...request, rootfs: { kind: 'image', reference: isopod.busyboxImage() } };
  }
  if (rootfs === 'directory') {
    isopod.busyboxImage();
    return { command, ...request, rootfs: { kind: 'directory', path: join(isopod.directory, 'busybox', 'rootfs') } };
  }
  return { command, ...request };
}

function expectInForce(process: ProcessView, subset: Subset): void {
  expect(ownNamespaces(process, engine)).toEqual([...(subset.namespaces ?? [])].sort());
  const granted = subset.defaultCapabilities === true ? [...DEFAULT_CAPABILITIES].sort() : [...engine.effective].sort();
  expect([...process.effective].sort()).toEqual(granted);
  expect([...process.permitted].sort()).toEqual(granted);
  if (subset.defaultCapabilities === true) expect([...process.bounding].sort()).toEqual(granted);
  expect(process.noNewPrivileges).toBe(subset.noNewPrivileges ?? false);
  const root = process.mounts.findLast(({ mountPoint }) => mountPoint === '/');
  const hosts = engine.mounts.findLast(({ mountPoint }) => mountPoint === '/');
  if (subset.rootfs === 'image') expect(root?.type).toBe('overlay');
  else if (subset.rootfs === 'directory') expect(root?.root).toMatch(/\/busybox\/rootfs$/);
  else expect([root?.type, root?.source, root?.root]).toEqual([hosts?.type, hosts?.source, hosts?.root]);
}

/** A group of its own where an isolator asked for one and where it is tracked, the shared one everywhere else. */
function expectContainerGroups(process: ProcessView, uid: string, subset: Subset): void {
  const chosen = Object.keys(subset.limits ?? {});
  expectGroups(process.groups, ({ containers }, { version, controllers }) => {
    if (version === 2) return join(containers, uid, V2_PROCESS_GROUP);
    return controllers.some((name) => chosen.includes(name)) ? join(containers, uid) : containers;
  });
  for (const hierarchy of isopod.view.hierarchies.filter(({ version }) => version === 1)) {
    const { containers } = instanceGroups(hierarchy, isopod.view.instance);
    const has = hierarchy.controllers.some((name) => chosen.includes(name));
    expect(existsSync(join(containers, uid)), `own group in ${hierarchy.mountPoint}`).toBe(has);
  }
}

function expectGroups(
  groups: ReadonlyMap<string, string>,
  wanted: (paths: ReturnType<typeof instanceGroups>, hierarchy: CgroupHierarchy) => string,
): void {
  for (const hierarchy of isopod.view.hierarchies) {
    const name = hierarchy.version === 2 ? 'v2' : hierarchy.controllers.join(',');
    const path = join(hierarchy.mountPoint, groups.get(name) ?? `is in no group of ${name}`);
    expect(path).toBe(wanted(instanceGroups(hierarchy, isopod.view.instance), hierarchy));
  }
}

function expectLimits(uid: string, { limits }: Subset): void {
  for (const [controller, files] of Object.entries(limits ?? {})) {
    // In v2, cpuacct is a part of cpu.
    if (controller === 'cpuacct' && isopod.view.hierarchies.every(({ version }) => version === 2)) continue;
    const hierarchy = isopod.view.hierarchies.find(({ controllers }) => controllers.includes(controller));
    if (hierarchy === undefined) throw new Error(`this host does not mount ${controller}`);
    for (const [file, content] of files[hierarchy.version]) {
      const path = join(instanceGroups(hierarchy, isopod.view.instance).containers, uid, file);
      expect(readFileSync(path, 'utf8').trim(), path).toBe(content);
    }
  }
}
