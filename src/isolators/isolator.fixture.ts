import type { Files } from '../base/effects.ts';
import { memoryFiles } from '../base/memory-files.fixture.ts';
import { UndoStack } from '../base/undo-stack.ts';
import { DEVICE_PROGRAMS } from '../linux/cgroup-features.ts';
import { readEach } from '../linux/kernel-files.ts';
import type { ContainerRequest } from '../model/check-request.ts';
import { parseContainerUid } from '../model/container-id.ts';
import { completeConfig } from '../model/container-request.ts';
import type { HostFacts } from '../model/host-facts.ts';
import type { ImageRuntimeConfig } from '../model/image-config.ts';
import type { Contribution } from '../model/launch-plan.ts';
import type { Resources } from '../model/resources.ts';
import type { CatalogEffects } from './catalog.ts';
import type { IsolatedContainer, Isolator, PlanInput } from './isolator.ts';

/** Effects whose host steps do nothing, and to which nothing takes place on disk. */
export function catalogEffects(files: Files): CatalogEffects {
  return { files, runHostSteps: async () => {}, measureDisk: async () => ({ bytes: 0, entries: 0, unread: 0 }) };
}

/** Inputs of isolators for tests. */
export const HOST: HostFacts = {
  launcher: 'linux',
  uid: 0,
  hostname: 'box',
  cpuCount: 2,
  cpuList: '0-1',
  memoryNodeList: '0',
  hugePageSizes: ['2MB', '1GB'],
  controllers: {
    cpu: 1,
    cpuset: 1,
    memory: 1,
    pids: 1,
    io: 1,
    hugetlb: 1,
    rdma: 1,
    misc: 1,
    net_cls: 1,
    net_prio: 1,
    perf_event: 2,
    devices: 1,
  },
  cgroupFeatures: [
    ...['memory.memsw.limit_in_bytes', 'memory.soft_limit_in_bytes', 'memory.swappiness'],
    ...['cpu.cfs_burst_us', 'cpu.idle'],
    ...['blkio.bfq.weight', 'blkio.bfq.weight_device', 'blkio.throttle.read_bps_device'],
  ],
  kernel: { major: 6, minor: 18 },
  architecture: 'x86_64',
  hasSeccomp: true,
  labelAttributes: {},
  lastCapability: 40,
  availableCapabilities: [
    ...['CHOWN', 'DAC_OVERRIDE', 'FSETID', 'FOWNER', 'SETGID', 'SETUID', 'SETPCAP', 'NET_BIND_SERVICE', 'KILL'],
    'SYS_ADMIN',
  ],
  boundingCapabilities: ['CHOWN', 'SYS_ADMIN', 'SYS_RESOURCE'],
};

export const HOST_V2: HostFacts = {
  ...HOST,
  controllers: { cpu: 2, cpuset: 2, memory: 2, pids: 2, io: 2, hugetlb: 2, rdma: 2, misc: 2, perf_event: 2 },
  cgroupFeatures: [
    ...['memory.swap.max', 'memory.oom.group', 'cpu.max.burst', 'cpu.idle'],
    ...['io.weight', 'io.bfq.weight', 'io.max'],
    DEVICE_PROGRAMS,
  ],
};

export const IMAGE: ImageRuntimeConfig = {
  entrypoint: [],
  cmd: ['bash'],
  env: ['PATH=/bin'],
  workdir: '',
  user: '',
  labels: {},
  stopSignal: undefined,
};

export const OVERLAY = { kind: 'overlay', lowerDirs: ['/l'], upperDir: '/u', workDir: '/w' } as const;

/** The knobs that an isolator plans for these resources, as `file=value`. */
export function knobsOf(
  make: (effects: { readonly files: Files }) => Isolator,
  resources: Resources,
  fields: Partial<PlanInput> = {},
): readonly string[] {
  const { cgroup } = make({ files: memoryFiles({}) }).plan(planInput({ resources }, fields));
  return (cgroup?.knobs ?? []).map(({ file, value }) => `${file}=${value}`);
}

/** A container with a group for each controller, all of one version, at `/cg/<controller>`. */
export function groupedContainer(version: 1 | 2, resources: Resources = {}): IsolatedContainer {
  const names = ['cpu', 'cpuacct', 'cpuset', 'memory', 'pids', 'io', 'hugetlb', 'rdma', 'misc', 'net_cls', 'net_prio'];
  const groups = Object.fromEntries(names.map((name) => [name, { path: `/cg/${name}`, version }]));
  const { uid, config, runtimeDir } = planInput({ resources });
  return { uid, config, runtimeDir, groups };
}

/** A container of an image with all isolators; `request` changes what was asked for, `fields` what was found. */
export function planInput(request: Partial<ContainerRequest> = {}, fields: Partial<PlanInput> = {}): PlanInput {
  const rootfs = { kind: 'image', reference: 'debian' } as const;
  return {
    uid: parseContainerUid('0123456789ab'),
    config: completeConfig({ name: 'c', rootfs, ...request }),
    isolators: ['filesystem/linux', 'namespaces/pid', 'namespaces/uts'],
    image: IMAGE,
    rootfs: OVERLAY,
    sandboxDir: '/var/lib/isopod/containers/0123456789ab/sandbox',
    runtimeDir: '/var/lib/isopod/containers/0123456789ab/files',
    host: HOST,
    ...fields,
  };
}

/** The input of a container that keeps the host's tree. */
export function hostTreeInput(request: Partial<ContainerRequest> = {}, fields: Partial<PlanInput> = {}): PlanInput {
  const {
    image: _,
    rootfs: __,
    ...rest
  } = planInput({ rootfs: { kind: 'none' }, command: ['true'], ...request }, fields);
  return rest;
}

/** `prepare`, then `plan` with what it found. */
export async function prepareAndPlan(isolator: Isolator, input: PlanInput): Promise<Contribution> {
  const prepared = (await isolator.prepare?.(input, new UndoStack())) ?? {};
  return isolator.plan({ ...input, prepared });
}

/** What an isolator tells when many are asked, and of how many files. */
export async function briefOf({ brief }: Isolator, files: Files, container: IsolatedContainer) {
  const wanted = brief?.files(container) ?? [];
  const texts = await readEach(files, wanted);
  const values = brief?.values(
    container,
    texts.map((text) => (typeof text === 'string' ? text : `unreadable: ${text.errno}`)),
  );
  return { values, fileCount: wanted.length };
}

export function isolatedContainer(groups: IsolatedContainer['groups'] = {}): IsolatedContainer {
  const { uid, config, runtimeDir } = planInput();
  return { uid, config, runtimeDir, groups };
}
