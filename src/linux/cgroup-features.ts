import { join } from 'node:path';
import type { Files } from '../base/effects.ts';
import { systemErrorCode } from '../model/error.ts';
import type { HostFacts } from '../model/host-facts.ts';
import type { CgroupHierarchy } from './cgroup-hierarchy.ts';
import { CGROUP1 } from './cgroup1.ts';
import { CGROUP2 } from './cgroup2.ts';
import { hugePageSizeName } from './hugetlb-files.ts';
import { listOrNothing, readOrEmpty } from './missing-files.ts';

/** Knobs that a kernel with the controller may lack: they came later, or with an option of its build or command line. */
const OPTIONAL_KNOBS: ReadonlySet<string> = new Set([
  ...[CGROUP1.cpuBurst, CGROUP1.memorySwapLimit, CGROUP1.memorySoftLimit, CGROUP1.memorySwappiness],
  ...[CGROUP1.bfqWeight, CGROUP1.bfqWeightDevice, CGROUP1.cfqWeight, CGROUP1.cfqWeightDevice],
  ...[CGROUP1.throttleReadBytes],
  ...[CGROUP2.cpuMaxBurst, CGROUP2.cpuIdle, CGROUP2.memorySwapMax, CGROUP2.memoryOomGroup],
  ...[CGROUP2.ioWeight, CGROUP2.bfqWeight, CGROUP2.ioMax],
]);

/** Stands among the features for programs that decide about devices: a v2 hierarchy and a kernel with bpf(2). */
export const DEVICE_PROGRAMS = 'bpf.cgroup_device';
/** There when the kernel was built with bpf(2) (kernel/bpf/syscall.c). */
const BPF_SETTING = '/proc/sys/kernel/unprivileged_bpf_disabled';

const SYSTEM = { nodes: '/sys/devices/system/node/has_memory', hugePages: '/sys/kernel/mm/hugepages' } as const;

/** The optional knobs that this host has, sorted; many of them are in every group but the root. */
export async function readCgroupFeatures(
  files: Files,
  hierarchies: readonly CgroupHierarchy[],
): Promise<readonly string[]> {
  const features = new Set<string>();
  for (const { mountPoint, controllers } of hierarchies) {
    if (controllers.every((name) => name.startsWith('name='))) continue;
    for (const group of [mountPoint, ...(await childGroups(files, mountPoint))]) {
      for (const name of await listOrNothing(files, group)) if (OPTIONAL_KNOBS.has(name)) features.add(name);
    }
  }
  if (hierarchies.some(({ version }) => version === 2) && (await files.exists(BPF_SETTING))) {
    features.add(DEVICE_PROGRAMS);
  }
  return [...features].sort();
}

/**
 * What the controller cpuset can give; without it, what is online.
 *
 * @param online content of /sys/devices/system/cpu/online
 */
export async function readCpusetLists(
  files: Files,
  hierarchies: readonly CgroupHierarchy[],
  online: string,
): Promise<Pick<HostFacts, 'cpuList' | 'memoryNodeList'>> {
  const cpuset = hierarchies.find(({ controllers }) => controllers.includes('cpuset'));
  const effective = async (file: string, otherwise: string): Promise<string> => {
    const text = cpuset === undefined ? '' : await readOrEmpty(files, join(cpuset.mountPoint, file));
    return text.trim() || otherwise;
  };
  const isV1 = cpuset?.version === 1;
  const nodes = (await readOrEmpty(files, SYSTEM.nodes)).trim() || '0';
  return {
    cpuList: await effective(isV1 ? CGROUP1.cpusetEffectiveCpus : CGROUP2.cpusetEffectiveCpus, online.trim()),
    memoryNodeList: await effective(isV1 ? CGROUP1.cpusetEffectiveMems : CGROUP2.cpusetEffectiveMems, nodes),
  };
}

/** Page sizes as cgroup files name them; v2 shows those files only in groups that have the controller. */
export async function readHugePageSizes(files: Files): Promise<readonly string[]> {
  return (await listOrNothing(files, SYSTEM.hugePages)).flatMap((name) => hugePageSizeName(name) ?? []);
}

async function childGroups(files: Files, mountPoint: string): Promise<readonly string[]> {
  const groups: string[] = [];
  for (const name of await listOrNothing(files, mountPoint)) {
    try {
      if ((await files.status(join(mountPoint, name))).kind === 'directory') groups.push(join(mountPoint, name));
    } catch (error) {
      // A group may be removed while we look.
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    }
  }
  return groups;
}
