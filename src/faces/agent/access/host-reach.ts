import type { ContainerConfig } from '../../../model/container-config.ts';
import { type FetchItem, fetchSource } from '../../../model/fetch.ts';
import { formatImageReference, parseImageReference, pathOfReference } from '../../../model/image-reference.ts';
import { isOwnHost } from '../../../model/own-address.ts';
import type { ProcessConfig } from '../../../model/process-config.ts';
import type { ResourceChanges } from '../../../model/resource-changes.ts';
import type { Resources } from '../../../model/resources.ts';
import type { SecurityConfig } from '../../../model/security-config.ts';
import type { Volume } from '../../../model/volume.ts';

/** What of one field leads out of a container, in words; `harmless` where nothing of it can. */
type Check<Value> = ((value: Value) => readonly string[]) | 'harmless';
/** A field that is new in a config does not compile until somebody has decided about it here. */
type Checks<Fields> = { readonly [Name in keyof Required<Fields>]: Check<Exclude<Fields[Name], undefined>> };

/**
 * What of a config gives its container more of the host than the agent gives to every container, by the names of the
 * fields: whoever may ask for these is as good as root here. Pure.
 */
export function hostReachOf(config: ContainerConfig): readonly string[] {
  return [...reachOf(config, CONFIG), ...readImages(config).flatMap(imageReachOf)];
}

/**
 * The same of where an image is brought from or to: the agent reads and writes files, and asks a Docker engine, with rights
 * that its caller has not.
 */
export function imageReachOf(reference: string): readonly string[] {
  const image = parseImageReference(reference);
  if (image.kind === 'docker-daemon') return [`image ${formatImageReference(image)}`];
  const path = pathOfReference(image);
  return path === undefined ? [] : [`image ${image.kind}:${path}`];
}

/** Images that are brought where the store lacks them; with `never` what somebody else has brought is all there is. */
function readImages({ pull, rootfs, volumes, fetch = [] }: ContainerConfig): readonly string[] {
  if (pull === 'never') return [];
  const ofFiles = fetch.flatMap(({ uri }) => imagesOfFetch(uri));
  const shown = [...volumes.flatMap((volume) => (volume.kind === 'image' ? [volume.reference] : [])), ...ofFiles];
  return rootfs.kind === 'image' ? [rootfs.reference, ...shown] : shown;
}

/** The same of a volume that is made apart from a container: its driver may be told to show any directory. */
export function volumeReachOf(spec: {
  readonly driver?: string | undefined;
  readonly options?: Readonly<Record<string, string>> | undefined;
}): readonly string[] {
  const { driver = LOCAL, options = {} } = spec;
  if (driver !== LOCAL) return [`driver ${driver}`];
  return Object.keys(options).map((option) => `driver option ${option}`);
}

/** The same of limits that are changed; one that is taken away is no wish. */
export function changeReachOf(changes: ResourceChanges): readonly string[] {
  return reachOf(Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== null)), RESOURCES);
}

const LOCAL = 'local';

function reachOf<Fields extends object>(fields: Fields, checks: Checks<Fields>): readonly string[] {
  return Object.entries(fields).flatMap(([name, value]) => {
    // What is no field of ours is nothing that anybody has looked at.
    const check = Object.hasOwn(checks, name) ? checks[name as keyof Fields] : () => [name];
    return value === undefined || check === 'harmless' ? [] : (check as (value: unknown) => readonly string[])(value);
  });
}

const whenFull =
  (word: string): Check<readonly unknown[]> =>
  (list) =>
    list.length > 0 ? [word] : [];

const RESOURCES: Checks<Resources> = {
  ...{ memoryLimitBytes: 'harmless', memoryReservationBytes: 'harmless', memorySwapBytes: 'harmless' },
  ...{ memoryHighBytes: 'harmless', memorySwappiness: 'harmless', memoryOomGroup: 'harmless' },
  // A host that is out of memory waits for a container that nothing ends.
  oomKillDisabled: (disabled) => (disabled ? ['oomKillDisabled'] : []),
  ...{ cpuMillis: 'harmless', cpuQuotaUs: 'harmless', cpuPeriodUs: 'harmless', cpuBurstUs: 'harmless' },
  ...{ cpuShares: 'harmless', cpuWeight: 'harmless', cpuIdle: 'harmless' },
  ...{ cpusetCpus: 'harmless', cpusetMems: 'harmless', pidsLimit: 'harmless' },
  ...{ ioWeight: 'harmless', blkioWeight: 'harmless', hugePages: 'harmless', rdma: 'harmless', misc: 'harmless' },
  // A path of the host, which the agent looks at.
  ioDevices: (devices) =>
    devices.filter(({ device }) => device.startsWith('/')).map(({ device }) => `device ${device}`),
  // What the host's own rules make of packets and their order.
  netClassId: (id) => (id === 'auto' ? [] : ['netClassId']),
  networkPriorities: whenFull('networkPriorities'),
};

const PROCESS: Checks<ProcessConfig> = {
  ...{ rlimits: 'harmless', personality: 'harmless', memoryPolicy: 'harmless' },
  oomScoreAdj: (score) => (score < 0 ? [`oomScoreAdj ${score}`] : []),
  scheduler: ({ policy, nice = 0 }) =>
    ['fifo', 'rr', 'deadline'].includes(policy) || nice < 0 ? [`scheduler ${policy}`] : [],
  ioPriority: (priority) => (priority.class === 'realtime' ? ['ioPriority realtime'] : []),
};

const SECURITY: Checks<SecurityConfig> = {
  // Any choice but the agent's: what the agent was started with may be narrower than the built-in profile.
  seccomp: ({ kind }) => [`seccomp ${kind}`],
  capabilities: ({ drop: _, ...sets }) =>
    Object.entries(sets).flatMap(([set, names]) => (names.length > 0 ? [`capabilities ${set}`] : [])),
  noNewPrivileges: (on) => (on ? [] : ['noNewPrivileges false']),
  labels: (labels) => Object.keys(labels),
  hiddenPaths: ({ unmask = [] }) => (unmask === 'all' || unmask.length > 0 ? ['hiddenPaths unmask'] : []),
  privileged: () => ['privileged'],
};

const CONFIG: Checks<ContainerConfig> = {
  name: 'harmless',
  rootfs: ({ kind }) => (kind === 'image' ? [] : [`rootfs ${kind}`]),
  backend: 'harmless',
  ...{ pull: 'harmless', entrypoint: 'harmless', command: 'harmless', env: 'harmless', workdir: 'harmless' },
  ...{ user: 'harmless', hostname: 'harmless', labels: 'harmless' },
  // Its parent has its own limits, and is one that the caller may see.
  ...{ parent: 'harmless', shareCgroups: 'harmless', debug: 'harmless' },
  network: (mode) => (mode === 'host' ? ['network host'] : []),
  namespaces: ({ user, shmBytes: _, networkOf: __, time: ___, ...others }) => [
    // A range of the agent's pool is nobody else's; any other choice is of ids of the host.
    ...(user === undefined || user.kind === 'auto' || user.kind === 'parent' ? [] : [`user namespace ${user.kind}`]),
    ...Object.entries(others).flatMap(([name, choice]) => (choice.kind === 'host' ? [`${name} namespace host`] : [])),
  ],
  devices: whenFull('devices'),
  deviceRules: whenFull('deviceRules'),
  volumes: (volumes) => volumes.flatMap(volumeReach),
  ...{ volumesFrom: 'harmless', secretVariables: 'harmless', diskLimitBytes: 'harmless', diskEnforcement: 'harmless' },
  fetch: (items) => items.flatMap(fetchReach),
  resources: (resources) => reachOf(resources, RESOURCES),
  process: (process) => reachOf(process, PROCESS),
  ...{ sysctls: 'harmless', landlock: 'harmless', readOnlyRootfs: 'harmless', init: 'harmless' },
  ...{ terminal: 'harmless', terminalSize: 'harmless', stdin: 'harmless', log: 'harmless' },
  ...{ owned: 'harmless', endsWithOwner: 'harmless' },
  // Checks of its health run in it, as confined as it is, or connect to its own loopback address.
  ...{
    autoRemove: 'harmless',
    endsWithEngine: 'harmless',
    stopSignal: 'harmless',
    stopGraceMs: 'harmless',
    restart: 'harmless',
    health: 'harmless',
  },
  readiness: 'harmless',
  // A container without some of its isolators is less isolated.
  isolation: () => ['isolation'],
  security: (security) => reachOf(security, SECURITY),
  hooks: (hooks) => (Object.values(hooks).some((list) => list.length > 0) ? ['hooks'] : []),
};

function imagesOfFetch(uri: string): readonly string[] {
  const source = fetchSource(uri);
  return source.kind === 'image' ? [source.reference] : [];
}

/** The agent reads files, and asks addresses of this machine, with rights that its caller has not. */
function fetchReach({ uri }: FetchItem): readonly string[] {
  const source = fetchSource(uri);
  if (source.kind === 'file') return [`file ${source.path}`];
  if (source.kind === 'image') return []; // as an image that is brought
  const { hostname, origin } = new URL(source.url);
  return isOwnHost(hostname) ? [`what answers at ${origin}`] : [];
}

function volumeReach(volume: Volume): readonly string[] {
  const where = `volume at ${volume.containerPath}`;
  switch (volume.kind) {
    case 'host-path':
      return [`host path ${volume.hostPath}`];
    case 'named':
      return [...volumeReachOf(volume), ...(volume.idMap === undefined ? [] : ['id map'])].map(
        (what) => `${what} of the ${where}`,
      );
    case 'tmpfs':
      return volume.dev === true ? [`devices in the ${where}`] : [];
    case 'image':
    case 'secret':
    case 'sandbox':
      return [];
  }
}
