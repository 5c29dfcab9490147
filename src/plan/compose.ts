import type { ContainerConfig } from '../model/container-config.ts';
import type { ContainerUid } from '../model/container-id.ts';
import type { HostFacts } from '../model/host-facts.ts';
import type {
  CapabilitySets,
  CgroupPlacement,
  CommandPlan,
  LaunchPlan,
  NamedContribution,
  Owned,
  StdioPlan,
  UserRequest,
} from '../model/launch-plan.ts';
import { parseUser } from '../model/user.ts';
import { checkCovered } from './covered.ts';
import { baseEnvironment, overlayEnvironment } from './environment.ts';
import { planErrors } from './errors.ts';
import { agreed, mergeCgroups, mergeEnvironment, mergeMounts, mergeSettings, oneWriter, union } from './merge.ts';

/** Who owns an item that no isolator asked for. */
export const BY_CALLER = 'caller';
export const BY_LAUNCHER = 'launcher';

const DEFAULT_UMASK = 0o022;

export interface ComposeInput {
  readonly uid: ContainerUid;
  readonly config: ContainerConfig;
  /** In catalogue order. */
  readonly contributions: readonly NamedContribution[];
  /** For `wantedControllers(contributions)`. */
  readonly placement: CgroupPlacement;
  readonly host: Pick<HostFacts, 'availableCapabilities' | 'boundingCapabilities' | 'uid'>;
  /** Of a nested container: who its parent runs as. */
  readonly parentUser?: UserRequest;
  /** An empty directory of the engine where the container's root is attached. */
  readonly mountPoint: string;
  /** Where log files go: the container's log directory, or its sandbox directory for `raw`. */
  readonly logDirectory: string;
}

/**
 * Merges what the isolators contribute, what the launcher placed and what the caller asked for into one plan. Pure;
 * every item remembers its isolator, or `caller` or `launcher`.
 *
 * @returns the plan, deeply frozen
 * @throws {EngineError} `plan.conflict` and `plan.noCommand` (invalid-argument), `plan.controllerNotPlaced`
 */
export function compose(input: ComposeInput): LaunchPlan {
  const { contributions, placement, config } = input;
  const plan: LaunchPlan = {
    schemaVersion: 1,
    uid: input.uid,
    isolators: contributions.map(({ isolator }) => isolator),
    namespaces: union(contributions, 'namespaces').map(({ item, by }) => ({ kind: item, by })),
    ...namespaceParts(contributions),
    ...rootfsPart(input),
    mounts: mergeMounts(contributions),
    maskedPaths: union(contributions, 'maskedPaths').map(({ item, by }) => ({ path: item, by })),
    readOnlyPaths: union(contributions, 'readOnlyPaths').map(({ item, by }) => ({ path: item, by })),
    ...hostnamePart(contributions),
    ...seccompPart(contributions),
    ...diskQuotaPart(contributions),
    ...switches(contributions),
    cgroups: mergeCgroups(contributions, placement),
    cgroupJoins: placement.joins.map((join) => ({ ...join, by: BY_LAUNCHER })),
    tracking: placement.tracking,
    ...devicesPart(contributions),
    ...hooksPart(contributions),
    credentials: { slot: 'credentials', producer: 'step resolve-user', ...userOf(input) },
    capabilities: capabilitiesOf(input),
    ...mergeSettings(contributions),
    ...(input.host.uid !== 0 && { unprivileged: true }),
    umask: oneWriter(contributions, 'umask')?.value ?? DEFAULT_UMASK,
    command: commandOf(input),
    stdio: stdioOf(config, input.logDirectory),
    reaper: config.init,
  };
  checkCovered(plan);
  return deepFreeze(plan);
}

function namespaceParts(
  contributions: readonly NamedContribution[],
): Pick<LaunchPlan, 'userNamespace' | 'joins' | 'timeOffsets'> {
  const user = oneWriter(contributions, 'userNamespace');
  const time = oneWriter(contributions, 'timeOffsets');
  const joins = union(contributions, 'joins').map(({ item, by }) => ({ ...item, by }));
  return {
    ...(user && { userNamespace: { ...user.value, by: user.by } }),
    ...(joins.length > 0 && { joins }),
    ...(time && { timeOffsets: { ...time.value, by: time.by } }),
  };
}

function rootfsPart({ contributions, mountPoint }: ComposeInput): Pick<LaunchPlan, 'rootfs'> {
  const rootfs = oneWriter(contributions, 'rootfs');
  return rootfs === undefined ? {} : { rootfs: { recipe: rootfs.value, mountPoint, by: rootfs.by } };
}

function devicesPart(contributions: readonly NamedContribution[]): Pick<LaunchPlan, 'deviceRules' | 'deviceNodes'> {
  const deviceRules = oneWriter(contributions, 'deviceRules');
  const deviceNodes = oneWriter(contributions, 'deviceNodes');
  return { ...(deviceRules && { deviceRules }), ...(deviceNodes && { deviceNodes }) };
}

function hooksPart(contributions: readonly NamedContribution[]): Pick<LaunchPlan, 'hooks'> {
  const hooks = oneWriter(contributions, 'hooks');
  return hooks === undefined ? {} : { hooks };
}

function hostnamePart(contributions: readonly NamedContribution[]): Pick<LaunchPlan, 'hostname'> {
  const hostname = oneWriter(contributions, 'hostname');
  return hostname === undefined ? {} : { hostname: { name: hostname.value, by: hostname.by } };
}

function seccompPart(contributions: readonly NamedContribution[]): Pick<LaunchPlan, 'seccomp'> {
  const seccomp = oneWriter(contributions, 'seccomp');
  return seccomp === undefined ? {} : { seccomp: { ...seccomp.value, by: seccomp.by } };
}

function diskQuotaPart(contributions: readonly NamedContribution[]): Pick<LaunchPlan, 'diskQuota'> {
  const diskQuota = oneWriter(contributions, 'diskQuota');
  return diskQuota === undefined ? {} : { diskQuota: { ...diskQuota.value, by: diskQuota.by } };
}

function switches(
  contributions: readonly NamedContribution[],
): Pick<LaunchPlan, 'readOnlyRootfs' | 'loopback' | 'cgroupView' | 'cgroupViewWritable' | 'noNewPrivileges'> {
  const readOnlyRootfs = agreed(contributions, 'readOnlyRootfs');
  const loopback = agreed(contributions, 'loopback');
  const cgroupView = agreed(contributions, 'cgroupView');
  const cgroupViewWritable = agreed(contributions, 'cgroupViewWritable');
  const noNewPrivileges = agreed(contributions, 'noNewPrivileges');
  return {
    ...(readOnlyRootfs && { readOnlyRootfs }),
    ...(loopback && { loopback }),
    ...(cgroupView && { cgroupView }),
    ...(cgroupViewWritable && { cgroupViewWritable }),
    ...(noNewPrivileges && { noNewPrivileges }),
  };
}

/** The caller's user wins over the image's; without either it is the parent's, or root. */
function userOf({ config, contributions, host, parentUser }: ComposeInput): Owned<{ readonly user: UserRequest }> {
  if (host.uid !== 0) return ownUser(config.user, host.uid);
  if (config.user !== undefined) return { user: parseUser(config.user), by: BY_CALLER };
  const contributed = oneWriter(contributions, 'user');
  if (contributed !== undefined) return { user: contributed.value, by: contributed.by };
  return { user: parentUser ?? { user: '0' }, by: BY_LAUNCHER };
}

/** @throws {EngineError} `plan.otherUser` (permission-denied): only root may become somebody else */
function ownUser(asked: string | undefined, uid: number): Owned<{ readonly user: UserRequest }> {
  if (asked !== undefined && asked !== String(uid)) throw planErrors.otherUser({ asked, uid });
  return { user: { user: String(uid) }, by: asked === undefined ? BY_LAUNCHER : BY_CALLER };
}

/** Without an isolator for them a container has what the engine has, and the plan says so. */
function capabilitiesOf({ contributions, host }: ComposeInput): Owned<CapabilitySets> {
  const contributed = oneWriter(contributions, 'capabilities');
  if (contributed !== undefined) return { ...contributed.value, by: contributed.by };
  const all = host.availableCapabilities;
  // Who is not root may not take anything from it either.
  const bounding = host.uid === 0 ? all : host.boundingCapabilities;
  return { bounding, effective: all, permitted: all, inheritable: [], ambient: [], by: BY_LAUNCHER };
}

function commandOf(input: ComposeInput): Owned<CommandPlan> {
  const { config, contributions } = input;
  const contributed = oneWriter(contributions, 'command');
  const command = contributed?.value ?? [...(config.entrypoint ?? []), ...(config.command ?? [])];
  if (command.length === 0) throw planErrors.noCommand({ name: config.name });
  const hostname = oneWriter(contributions, 'hostname')?.value;
  const secrets = union(contributions, 'secretVariables').map(({ item, by }) => ({ ...item, by }));
  const base = baseEnvironment({ terminal: config.terminal, hostname });
  return {
    arguments: command,
    environment: overlayEnvironment(base, mergeEnvironment(contributions), config.env),
    ...(secrets.length === 0 ? {} : { secrets }),
    workdir: config.workdir ?? oneWriter(contributions, 'workdir')?.value ?? '/',
    by: contributed?.by ?? BY_CALLER,
  };
}

function stdioOf(config: ContainerConfig, logDirectory: string): StdioPlan {
  return {
    terminal: config.terminal,
    ...(config.terminalSize && { terminalSize: config.terminalSize }),
    stdin: config.stdin,
    owned: config.owned,
    ...(config.endsWithOwner && { endsWithOwner: true }),
    log: { ...config.log, directory: logDirectory },
  };
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const item of Object.values(value)) deepFreeze(item);
  return Object.freeze(value);
}
