import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryFiles } from '../base/memory-files.fixture.ts';
import { UndoStack } from '../base/undo-stack.ts';
import { isolatorCatalog } from '../isolators/catalog.ts';
import { contribute, prepareIsolators } from '../isolators/contribute.ts';
import type { JoinedContainer, ParentContainer, PlanInput } from '../isolators/isolator.ts';
import { selectIsolators } from '../isolators/select.ts';
import { instanceTree } from '../launcher/group-tree.ts';
import { placeContainer } from '../launcher/placement.ts';
import type { CgroupHierarchy } from '../linux/cgroup-hierarchy.ts';
import { controllersOf } from '../linux/host-facts.ts';
import type { ContainerRequest } from '../model/check-request.ts';
import { parseContainerUid } from '../model/container-id.ts';
import { completeConfig } from '../model/container-request.ts';
import type { HostFacts } from '../model/host-facts.ts';
import type { ImageRuntimeConfig } from '../model/image-config.ts';
import type { LaunchPlan, RootfsRecipe, UserNamespacePlan } from '../model/launch-plan.ts';
import type { Step } from '../model/wire.ts';
import { compose } from '../plan/compose.ts';
import type { EncodedLaunch, LaunchChannel } from '../plan/encode.ts';
import { wantedControllers } from '../plan/merge.ts';
import { withParentDefaults } from './nested.ts';

const UID = parseContainerUid('0123456789ab');
const TESTDATA = join(import.meta.dirname, 'testdata');

/** Longer values are told by their length: nobody reads a compiled filter, and its digest is in the plan. */
const MAX_SHOWN_BYTES = 64;

export const CHANNEL: LaunchChannel = {
  stateDirectory: `/run/isopod/c/${UID}`,
  socketPath: `/run/isopod/s/${UID}`,
  controlTicket: new Uint8Array(16).fill(1),
  ownerTicket: new Uint8Array(16).fill(2),
};

const v1 = (name: string): CgroupHierarchy => ({
  version: 1,
  mountPoint: `/sys/fs/cgroup/${name}`,
  controllers: [name],
});
export const HYBRID: readonly CgroupHierarchy[] = [
  ...['cpu', 'cpuacct', 'memory', 'freezer', 'pids', 'name=systemd'].map(v1),
  { version: 2, mountPoint: '/sys/fs/cgroup/unified', controllers: ['hugetlb'] },
];
export const V2: readonly CgroupHierarchy[] = [
  { version: 2, mountPoint: '/sys/fs/cgroup', controllers: ['cpu', 'memory', 'pids'] },
];

/** Every controller that has limits, in v1 but for huge pages, as on a hybrid host. */
export const ALL_V1: readonly CgroupHierarchy[] = [
  ...HYBRID.slice(0, -1),
  ...['cpuset', 'blkio'].map(v1),
  ...HYBRID.slice(-1),
];
export const ALL_V2: readonly CgroupHierarchy[] = [
  {
    ...{ version: 2, mountPoint: '/sys/fs/cgroup' },
    controllers: ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids'],
  },
];

const FEATURES: Readonly<Record<1 | 2, readonly string[]>> = {
  1: [
    ...['memory.memsw.limit_in_bytes', 'memory.soft_limit_in_bytes', 'memory.swappiness', 'cpu.cfs_burst_us'],
    ...['blkio.bfq.weight', 'blkio.bfq.weight_device', 'blkio.throttle.read_bps_device'],
  ],
  2: ['memory.swap.max', 'memory.oom.group', 'cpu.max.burst', 'io.weight', 'io.bfq.weight', 'io.max'],
};

/** As Debian's own image is configured, with a user and a directory besides. */
export const DEBIAN: ImageRuntimeConfig = {
  entrypoint: [],
  cmd: ['bash'],
  env: ['PATH=/usr/local/bin:/usr/bin:/bin', 'LANG=C.UTF-8'],
  workdir: '/srv',
  user: 'www-data',
  labels: {},
  stopSignal: undefined,
};

export interface GoldenCase {
  readonly request: Partial<ContainerRequest>;
  readonly image?: ImageRuntimeConfig;
  readonly rootfs?: RootfsRecipe;
  readonly volumeSources?: PlanInput['volumeSources'];
  readonly hierarchies: readonly CgroupHierarchy[];
  readonly userNamespace?: UserNamespacePlan;
  readonly joined?: Readonly<Record<string, JoinedContainer>>;
  /** Of a nested container; `plan` is that of its parent. */
  readonly parent?: { readonly container: ParentContainer; readonly plan: LaunchPlan };
  /** Files and directories of the host. */
  readonly files?: Readonly<Record<string, string>>;
}

export const OVERLAY: RootfsRecipe = {
  kind: 'overlay',
  lowerDirs: ['/var/lib/isopod/layers/top', '/var/lib/isopod/layers/base'],
  upperDir: `/var/lib/isopod/containers/${UID}/upper`,
  workDir: `/var/lib/isopod/containers/${UID}/work`,
};

/** From request to plan, by the ways of the engine, on a host that is made up. */
export async function planOf(golden: GoldenCase): Promise<LaunchPlan> {
  const files = memoryFiles({ '/etc/hosts': '127.0.0.1 localhost\n', ...golden.files });
  const rootfs = { kind: 'image', reference: 'debian:12' } as const;
  const { parent } = golden;
  const asked = completeConfig({ name: 'golden', rootfs, ...golden.request });
  const of = parent && { uid: parent.plan.uid, config: { name: 'web', ...parent.container.config } };
  const config = of === undefined ? asked : withParentDefaults(asked, of, ['network/container', 'namespaces/time']);
  const host = hostFacts(golden.hierarchies);
  const isolators = selectIsolators({
    catalog: isolatorCatalog({
      files,
      runHostSteps: async () => {},
      measureDisk: async () => ({ bytes: 0, entries: 0, unread: 0 }),
    }),
    config,
    host,
  });
  const input: PlanInput = {
    uid: UID,
    config,
    isolators: isolators.map(({ name }) => name),
    ...(golden.image && { image: golden.image }),
    ...(golden.rootfs && { rootfs: golden.rootfs }),
    ...(golden.userNamespace && { userNamespace: golden.userNamespace }),
    ...(golden.joined && { joined: golden.joined }),
    ...(parent && { parent: parent.container, joined: { [parent.plan.uid]: parent.container } }),
    ...(golden.volumeSources && { volumeSources: golden.volumeSources }),
    sandboxDir: `/var/lib/isopod/containers/${UID}/sandbox`,
    runtimeDir: `/var/lib/isopod/containers/${UID}/files`,
    host,
  };
  const prepared = await prepareIsolators(isolators, input, { undo: new UndoStack() });
  const contributions = contribute(isolators, input, prepared);
  const controllers = wantedControllers(contributions);
  const placement = placeContainer(golden.hierarchies, instanceTree('isopod-golden'), {
    lineage: parent === undefined ? [UID] : [parent.plan.uid, UID],
    controllers,
    around: parent?.plan.cgroupJoins ?? [],
  });
  const logDirectory = `/var/lib/isopod/containers/${UID}/logs`;
  return compose({
    ...{ uid: UID, config, contributions, placement, host, logDirectory },
    mountPoint: '/run/isopod/root',
    ...(parent && { parentUser: parent.plan.credentials.user }),
  });
}

function hostFacts(hierarchies: readonly CgroupHierarchy[]): HostFacts {
  const controllers = controllersOf(hierarchies);
  const nine = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP', 'NET_BIND_SERVICE'];
  return {
    launcher: hierarchies.length === 0 ? 'posix' : 'linux',
    uid: hierarchies.length === 0 ? 1000 : 0,
    hostname: 'box',
    cpuCount: 2,
    cpuList: '0-1',
    memoryNodeList: '0',
    hugePageSizes: ['2MB', '1GB'],
    controllers,
    cgroupFeatures: FEATURES[controllers.memory ?? 1],
    kernel: { major: 6, minor: 18 },
    architecture: 'x86_64',
    hasSeccomp: true,
    labelAttributes: {},
    lastCapability: 40,
    availableCapabilities: [...nine, 'SYS_ADMIN'],
    boundingCapabilities: [...nine, 'SYS_ADMIN'],
  };
}

/** One line a step: who wants it, what, and its values in the order of the wire. */
export function stepLines({ hostSteps, childSteps, ...values }: EncodedLaunch): string {
  const fields = Object.entries(values).map(([name, value]) => `${name} ${shown(value)}`);
  return `${[...fields, ...lines('host', hostSteps), ...lines('child', childSteps)].join('\n')}\n`;
}

function lines(where: string, steps: readonly Step[]): readonly string[] {
  return steps.map(({ op, by, values }, index) => {
    const shownValues = Object.entries(values).map(([name, value]) => `${name}=${shown(value)}`);
    return [`${where} ${String(index).padStart(2)}`, by.padEnd(18), op, ...shownValues].join(' ');
  });
}

function shown(value: unknown): string {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (!(value instanceof Uint8Array)) return JSON.stringify(value);
  return value.length > MAX_SHOWN_BYTES ? `${value.length} bytes` : Buffer.from(value).toString('hex');
}

/** A plan as a golden file has it: the program of its filter is told by its length. */
export function planText(plan: LaunchPlan): string {
  const short = (name: string, value: unknown): unknown =>
    name === 'program' && typeof value === 'string' ? `${value.length} characters of base64` : value;
  return `${JSON.stringify(plan, short, 2)}\n`;
}

/** The text of a golden file; with UPDATE_GOLDEN=1 it is written first. */
export function golden(name: string, text: string): string {
  const path = join(TESTDATA, name);
  if (process.env.UPDATE_GOLDEN === '1') {
    mkdirSync(TESTDATA, { recursive: true });
    writeFileSync(path, text);
  }
  return existsSync(path) ? readFileSync(path, 'utf8') : `${path} is missing: run with UPDATE_GOLDEN=1`;
}
