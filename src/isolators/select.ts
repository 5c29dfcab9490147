import type { PlannedConfig } from '../model/container-config.ts';
import { defineErrors } from '../model/error.ts';
import type { HostFacts } from '../model/host-facts.ts';
import { askedResources } from './cgroups/served.ts';
import type { Isolator } from './isolator.ts';
import { wantsLabel } from './linux/label.ts';
import { hasVolume } from './volume/place.ts';

export const selectErrors = defineErrors('isolators', {
  unknown: {
    kind: 'invalid-argument',
    message: (d: { isolator: string; known: readonly string[] }) =>
      `isolator ${JSON.stringify(d.isolator)} is not one of ${d.known.join(', ')}`,
  },
  notPermitted: {
    kind: 'permission-denied',
    message: (d: { isolator: string; permitted: readonly string[] }) =>
      `isolator ${d.isolator} is not permitted here; permitted are ${d.permitted.join(', ')}`,
    remedy: () => "ask whoever runs the agent to add it to the agent's --isolation",
  },
  requires: {
    kind: 'invalid-argument',
    message: (d: { isolator: string; missing: string }) =>
      `isolator ${d.isolator} requires ${d.missing}, which was not chosen`,
    remedy: (d: { isolator: string; missing: string }) => `add ${d.missing}, or leave out ${d.isolator}`,
  },
  excludes: {
    kind: 'invalid-argument',
    message: (d: { isolator: string; other: string }) =>
      `isolators ${d.isolator} and ${d.other} exclude each other, and both were chosen`,
  },
  unserved: {
    kind: 'invalid-argument',
    message: (d: { option: string; isolator: string }) =>
      `${d.option} was asked for, and no chosen isolator serves it: that is the work of ${d.isolator}`,
    remedy: (d: { isolator: string; option: string }) => `add ${d.isolator} to the isolators, or leave out ${d.option}`,
  },
  otherLauncher: {
    kind: 'failed-precondition',
    message: (d: { isolator: string; option: string; launcher: string }) =>
      `${d.option} was asked for: that is the work of ${d.isolator}, and launcher ${d.launcher} has no place for it`,
    remedy: () => 'run the agent as root, with --launcher linux',
  },
  hostMismatch: {
    kind: 'invalid-argument',
    message: (d: { isolator: string; namespace: string }) =>
      `isolator ${d.isolator} was chosen, and the ${d.namespace} namespace is to be the host's`,
    remedy: (d: { isolator: string }) => `leave out ${d.isolator}, or do not ask for the host's`,
  },
  networkMismatch: {
    kind: 'invalid-argument',
    message: (d: { isolator: string; network: string }) =>
      `isolator ${d.isolator} was chosen, and the network is ${d.network}`,
    remedy: (d: { isolator: string }) =>
      `say --network ${d.isolator.slice('network/'.length)}, or leave out ${d.isolator}`,
  },
});

export interface Selection {
  /** All isolators there are, in catalogue order. */
  readonly catalog: readonly Isolator[];
  /** The agent's `--isolation`: names that containers may choose from; all of the catalogue by default. */
  readonly permitted?: readonly string[] | undefined;
  readonly config: PlannedConfig;
  readonly host: HostFacts;
}

/**
 * The isolators of one container, in catalogue order: those that `config.isolation` names, or else every permitted one
 * that applies to it. Nothing that the caller asked for goes unserved.
 *
 * @throws {EngineError} `isolators.*`
 */
export function selectIsolators({ catalog, permitted, config, host }: Selection): readonly Isolator[] {
  const known = catalog.map(({ name }) => name);
  const allowed = permitted ?? known;
  for (const isolator of [...allowed, ...(config.isolation ?? [])]) {
    if (!known.includes(isolator)) throw selectErrors.unknown({ isolator, known });
  }
  for (const isolator of config.isolation ?? []) {
    if (!allowed.includes(isolator)) throw selectErrors.notPermitted({ isolator, permitted: allowed });
  }
  for (const isolator of catalog.filter(({ name }) => config.isolation?.includes(name))) {
    if (!servesLauncher(isolator, host)) {
      const { name } = isolator;
      throw selectErrors.otherLauncher({ isolator: name, option: `isolator ${name}`, launcher: launcherText(host) });
    }
  }
  const chosen = catalog.filter((isolator) => chooses(isolator));
  checkRelations(chosen);
  checkServed(
    chosen.map(({ name }) => name),
    { catalog, config, host },
  );
  return chosen;

  function chooses(isolator: Isolator): boolean {
    const { name, appliesTo } = isolator;
    if (config.shareCgroups === true && name.startsWith('cgroups/')) return false; // the parent's groups hold for both
    if (config.isolation !== undefined) return config.isolation.includes(name);
    return allowed.includes(name) && servesLauncher(isolator, host) && (appliesTo?.(config, host) ?? true);
  }
}

/** Whether this launcher, run by this user, has a place for it. */
export function servesLauncher(
  { launchers = ['linux'], needsRoot = false }: Isolator,
  { launcher, uid }: HostFacts,
): boolean {
  return launchers.includes(launcher) && (uid === 0 || !needsRoot);
}

function launcherText({ launcher, uid }: HostFacts): string {
  return uid === 0 ? launcher : `${launcher} of user ${uid}`;
}

function checkRelations(chosen: readonly Isolator[]): void {
  const names = chosen.map(({ name }) => name);
  for (const { name: isolator, requires, excludes } of chosen) {
    for (const missing of requires) {
      if (!names.includes(missing)) throw selectErrors.requires({ isolator, missing });
    }
    for (const other of excludes ?? []) {
      if (names.includes(other)) throw selectErrors.excludes({ isolator, other });
    }
  }
}

/** What a caller can ask for, and the isolator without which it would be ignored. */
const SERVED_BY: readonly {
  readonly option: string;
  readonly isolator: string;
  readonly asked: (config: PlannedConfig) => boolean;
}[] = [
  { option: 'a root file system', isolator: 'filesystem/linux', asked: ({ rootfs }) => rootfs.kind !== 'none' },
  { option: 'an image', isolator: 'runtime/image', asked: ({ rootfs }) => rootfs.kind === 'image' },
  { option: 'no network', isolator: 'network/none', asked: ({ network }) => network === 'none' },
  { option: 'a host name', isolator: 'namespaces/uts', asked: ({ hostname }) => hostname !== undefined },
  { option: 'a host path', isolator: 'volume/host_path', asked: (config) => hasVolume(config, 'host-path') },
  { option: 'a named volume', isolator: 'volume/named', asked: (config) => hasVolume(config, 'named') },
  { option: 'a tmpfs', isolator: 'volume/tmpfs', asked: (config) => hasVolume(config, 'tmpfs') },
  { option: 'an image volume', isolator: 'volume/image', asked: (config) => hasVolume(config, 'image') },
  { option: 'a secret', isolator: 'volume/secret', asked: (config) => hasVolume(config, 'secret') },
  { option: 'a sandbox volume', isolator: 'volume/sandbox_path', asked: (config) => hasVolume(config, 'sandbox') },
  {
    option: 'a secret variable',
    isolator: 'environment_secret',
    asked: ({ secretVariables = [] }) => secretVariables.length > 0,
  },
  { option: 'a device', isolator: 'linux/devices', asked: ({ devices }) => devices.length > 0 },
  { option: 'a device rule', isolator: 'cgroups/devices', asked: ({ deviceRules }) => deviceRules.length > 0 },
  { option: 'a resource limit', isolator: 'posix/rlimits', asked: ({ process }) => process.rlimits !== undefined },
  { option: 'oom_score_adj', isolator: 'linux/oom', asked: ({ process }) => process.oomScoreAdj !== undefined },
  {
    option: 'a personality',
    isolator: 'linux/personality',
    asked: ({ process }) => process.personality !== undefined,
  },
  { option: 'a scheduler', isolator: 'linux/scheduler', asked: ({ process }) => process.scheduler !== undefined },
  {
    option: 'an input/output priority',
    isolator: 'linux/io_priority',
    asked: ({ process }) => process.ioPriority !== undefined,
  },
  {
    option: 'a memory policy',
    isolator: 'linux/memory_policy',
    asked: ({ process }) => process.memoryPolicy !== undefined,
  },
  {
    option: 'a kernel parameter',
    isolator: 'linux/sysctl',
    asked: ({ sysctls }) => Object.keys(sysctls).length > 0,
  },
  { option: 'Landlock', isolator: 'linux/landlock', asked: ({ landlock }) => landlock !== undefined },
  {
    option: 'a seccomp profile',
    isolator: 'linux/seccomp',
    asked: ({ security }) => security.seccomp !== undefined && security.seccomp.kind !== 'unconfined',
  },
  {
    option: 'a choice of capabilities',
    isolator: 'linux/capabilities',
    asked: ({ security }) => security.capabilities !== undefined,
  },
  { option: 'no_new_privs', isolator: 'linux/nnp', asked: ({ security }) => security.noNewPrivileges === true },
  {
    option: 'a hidden path',
    isolator: 'filesystem/linux',
    asked: ({ security }) => security.hiddenPaths?.mask !== undefined,
  },
  {
    option: '--privileged',
    isolator: 'linux/capabilities',
    asked: ({ security }) => security.privileged === true,
  },
  {
    option: 'every device of the host',
    isolator: 'linux/devices',
    asked: ({ security, rootfs }) => security.privileged === true && rootfs.kind !== 'none',
  },
  { option: 'a hook', isolator: 'runtime/hooks', asked: ({ hooks }) => hooks !== undefined },
  {
    option: 'a label of a security module',
    isolator: 'linux/label',
    asked: ({ security }) => wantsLabel(security.labels ?? {}),
  },
  {
    option: 'a user namespace',
    isolator: 'namespaces/user',
    asked: ({ namespaces }) => namespaces?.user !== undefined && namespaces.user.kind !== 'host',
  },
  {
    option: 'a pid namespace',
    isolator: 'namespaces/pid',
    asked: ({ namespaces }) => namespaces?.pid !== undefined && namespaces.pid.kind !== 'host',
  },
  {
    option: 'a uts namespace',
    isolator: 'namespaces/uts',
    asked: ({ namespaces }) => namespaces?.uts?.kind === 'private',
  },
  {
    option: 'a cgroup namespace',
    isolator: 'namespaces/cgroup',
    asked: ({ namespaces }) => namespaces?.cgroup?.kind === 'private',
  },
  {
    option: 'an ipc mode or a size of /dev/shm',
    isolator: 'namespaces/ipc',
    asked: ({ namespaces }) => namespaces?.ipc !== undefined || namespaces?.shmBytes !== undefined,
  },
  {
    option: "another container's network",
    isolator: 'network/container',
    asked: ({ namespaces }) => namespaces?.networkOf !== undefined,
  },
  { option: 'a time offset', isolator: 'namespaces/time', asked: ({ namespaces }) => namespaces?.time !== undefined },
];

/** Isolators that make a namespace whatever is said, so that they cannot be chosen when the host's is asked for. */
const MAKERS = ['user', 'pid', 'uts', 'cgroup'] as const;

/**
 * Refuses what was asked for and nobody among these isolators does.
 *
 * Without any `network/*` the host's network is shared, which an explicit list of isolators asks for; with one, it must
 * be the one of the network mode.
 *
 * @throws {EngineError} `isolators.unserved`, `isolators.networkMismatch` (invalid-argument)
 */
export function checkServed(
  names: readonly string[],
  { catalog, config, host }: Pick<Selection, 'catalog' | 'config' | 'host'>,
): void {
  for (const { option, isolator, asked } of SERVED_BY) {
    if (asked(config)) checkChosen(option, isolator);
  }
  if (config.diskLimitBytes !== undefined || config.diskEnforcement !== undefined) {
    checkChosen('a disk limit', host.launcher === 'posix' ? 'posix/disk' : 'disk/quota');
  }
  for (const [option, isolator] of askedResources(config.resources, host.launcher)) {
    checkChosen(option, isolator);
  }
  for (const namespace of MAKERS) {
    const isolator = `namespaces/${namespace}`;
    if (config.namespaces?.[namespace]?.kind === 'host' && names.includes(isolator)) {
      throw selectErrors.hostMismatch({ isolator, namespace });
    }
  }
  for (const isolator of names) {
    const mode = /^network\/(none|host|container)$/.exec(isolator)?.[1];
    if (mode !== undefined && mode !== (config.network ?? 'none')) {
      throw selectErrors.networkMismatch({ isolator, network: config.network ?? 'none' });
    }
  }

  function checkChosen(option: string, isolator: string): void {
    if (names.includes(isolator)) return;
    const found = catalog.find(({ name }) => name === isolator);
    if (found === undefined || servesLauncher(found, host)) throw selectErrors.unserved({ option, isolator });
    throw selectErrors.otherLauncher({ option, isolator, launcher: launcherText(host) });
  }
}
