import { expect, test } from 'vitest';
import { memoryFiles } from '../base/memory-files.fixture.ts';
import type { Resources } from '../model/resources.ts';
import { isolatorCatalog } from './catalog.ts';
import { isolatorContract } from './isolator.contract.ts';
import { catalogEffects, planInput } from './isolator.fixture.ts';

const CATALOG = isolatorCatalog(catalogEffects(memoryFiles({})));
const NAMES = CATALOG.map(({ name }) => name);

test('the order is that of preparing', () => {
  expect(NAMES).toEqual([
    'filesystem/linux',
    'namespaces/pid',
    'namespaces/user',
    'namespaces/ipc',
    'namespaces/uts',
    'namespaces/cgroup',
    'namespaces/time',
    'network/none',
    'network/host',
    'network/container',
    'volume/host_path',
    'volume/named',
    'volume/tmpfs',
    'volume/image',
    'volume/secret',
    'volume/sandbox_path',
    'environment_secret',
    'disk/quota',
    'cgroups/cpu',
    'cgroups/cpuset',
    'cgroups/memory',
    'cgroups/pids',
    'cgroups/io',
    'cgroups/hugetlb',
    'cgroups/devices',
    'linux/devices',
    'cgroups/rdma',
    'cgroups/misc',
    'cgroups/net_cls',
    'cgroups/net_prio',
    'cgroups/perf_event',
    'runtime/image',
    'runtime/hooks',
    'linux/sysctl',
    'linux/personality',
    'linux/io_priority',
    'linux/memory_policy',
    'linux/scheduler',
    'linux/oom',
    'posix/rlimits',
    'posix/cpu',
    'posix/memory',
    'posix/disk',
    'linux/landlock',
    'linux/label',
    'linux/capabilities',
    'linux/nnp',
    'linux/seccomp',
  ]);
});

test('what an isolator requires comes before it, and what it excludes excludes it', () => {
  for (const [index, { name, requires, excludes = [] }] of CATALOG.entries()) {
    for (const required of requires) expect(NAMES.indexOf(required), name).toBeLessThan(index);
    for (const other of excludes) expect(CATALOG.find((one) => one.name === other)?.excludes).toContain(name);
  }
});

const volumes = [{ kind: 'host-path', hostPath: '/data', containerPath: '/data', readOnly: true }] as const;
const settings = {
  process: {
    rlimits: { core: { soft: 0, hard: 'unlimited' } },
    oomScoreAdj: 1,
    personality: 'linux32',
    scheduler: { policy: 'batch' },
    ioPriority: { class: 'idle', level: 0 },
    memoryPolicy: { mode: 'local', nodes: [] },
  },
  sysctls: { 'kernel.domainname': 'x' },
  landlock: { scoped: true },
} as const;
const resources: Resources = {
  ...{ cpuMillis: 500, cpuBurstUs: 1000, cpuWeight: 50, cpusetCpus: '0', cpusetMems: '0' },
  ...{ memoryLimitBytes: 64 << 20, memoryReservationBytes: 32 << 20, memorySwapBytes: 128 << 20, pidsLimit: 32 },
  ...{ blkioWeight: 500, ioDevices: [{ device: '8:0', readBytesPerSecond: 1 << 20 }] },
  hugePages: [{ pageSize: '2MB', limitBytes: 4 << 20 }],
  rdma: [{ device: 'mlx5_0', handles: 2 }],
  misc: [{ name: 'sev', limit: 1 }],
  netClassId: 0x10_0001,
  networkPriorities: [{ networkInterface: 'eth0', priority: 5 }],
};

const ids = [{ container: 0, host: 100_000, count: 65_536 }];
const userNamespace = { uids: ids, gids: ids, files: 'idmapped' } as const;
const web = planInput();
const joined = {
  web: {
    init: { container: web.uid, pid: 42, startTime: '7' },
    config: web.config,
    namespaces: ['net'],
    runtimeDir: '/var/lib/isopod/containers/web/files',
  },
} as const;

for (const [index] of CATALOG.entries()) {
  isolatorContract(
    (effects) => {
      const isolator = isolatorCatalog(catalogEffects(effects.files))[index];
      if (isolator === undefined) throw new Error('the catalogue has shrunk');
      return isolator;
    },
    planInput({ volumes, resources, ...settings, namespaces: { networkOf: 'web' } }, { userNamespace, joined }),
  );
}
