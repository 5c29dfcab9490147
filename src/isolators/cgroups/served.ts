import type { LauncherKind } from '../../model/launcher-kind.ts';
import type { Resources } from '../../model/resources.ts';

/** What each field is called in errors, and the isolator without which it would be ignored; a new field needs a row. */
const SERVED = {
  cpuMillis: ['a cpu limit', 'cgroups/cpu'],
  cpuQuotaUs: ['a cpu quota', 'cgroups/cpu'],
  cpuPeriodUs: ['a cpu period', 'cgroups/cpu'],
  cpuBurstUs: ['a cpu burst', 'cgroups/cpu'],
  cpuShares: ['cpu shares', 'cgroups/cpu'],
  cpuWeight: ['a cpu weight', 'cgroups/cpu'],
  cpuIdle: ['an idle cpu', 'cgroups/cpu'],
  cpusetCpus: ['a set of CPUs', 'cgroups/cpuset'],
  cpusetMems: ['a set of memory nodes', 'cgroups/cpuset'],
  memoryLimitBytes: ['a memory limit', 'cgroups/memory'],
  memoryReservationBytes: ['a memory reservation', 'cgroups/memory'],
  memorySwapBytes: ['a bound of memory and swap', 'cgroups/memory'],
  memoryHighBytes: ['a memory throttle limit', 'cgroups/memory'],
  memorySwappiness: ['a swappiness', 'cgroups/memory'],
  memoryOomGroup: ['the OOM group kill', 'cgroups/memory'],
  oomKillDisabled: ['the OOM killer switched off', 'cgroups/memory'],
  pidsLimit: ['a pids limit', 'cgroups/pids'],
  ioWeight: ['an io weight', 'cgroups/io'],
  blkioWeight: ['a blkio weight', 'cgroups/io'],
  ioDevices: ['a limit of a block device', 'cgroups/io'],
  hugePages: ['a limit of huge pages', 'cgroups/hugetlb'],
  rdma: ['a limit of RDMA', 'cgroups/rdma'],
  misc: ['a limit of a miscellaneous resource', 'cgroups/misc'],
  netClassId: ['a network class', 'cgroups/net_cls'],
  networkPriorities: ['a network priority', 'cgroups/net_prio'],
} as const satisfies Record<keyof Resources, readonly [option: string, isolator: string]>;

/** Who serves it instead where there are no groups. */
const SERVED_WITHOUT_GROUPS: Partial<Record<keyof Resources, string>> = { memoryLimitBytes: 'posix/memory' };

/** Everything that was asked for, with the isolator that serves it under this launcher. */
export function askedResources(
  resources: Resources,
  launcher: LauncherKind,
): readonly (readonly [option: string, isolator: string])[] {
  const without = launcher === 'posix' ? SERVED_WITHOUT_GROUPS : {};
  return Object.entries(SERVED)
    .filter(([field]) => isAsked(resources[field as keyof Resources]))
    .map(([field, [option, isolator]]) => [option, without[field as keyof Resources] ?? isolator]);
}

/** Whether anything was asked for that this isolator of groups serves. */
export function asksFor(resources: Resources, isolator: string): boolean {
  return askedResources(resources, 'linux').some(([, serving]) => serving === isolator);
}

function isAsked(value: Resources[keyof Resources]): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
}
