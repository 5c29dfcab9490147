import { join } from 'node:path';
import type { Files } from '../base/effects.ts';
import { systemErrorCode } from '../model/error.ts';
import type { HostFacts } from '../model/host-facts.ts';
import { capabilityNames } from './capabilities.ts';
import type { CgroupHierarchy } from './cgroup-hierarchy.ts';
import { CGROUP1 } from './cgroup1.ts';
import { CGROUP2 } from './cgroup2.ts';
import { capabilitySetOf, countCpus, parseProcessStatus } from './proc.ts';

/**
 * Finds out once, when the engine starts, what plans may depend on.
 *
 * @param hierarchies as `readCgroupHierarchies` gives them
 */
export async function readHostFacts(files: Files, hierarchies: readonly CgroupHierarchy[]): Promise<HostFacts> {
  const [hostname, online, lastCapability, status] = await Promise.all([
    files.readText('/proc/sys/kernel/hostname'),
    files.readText('/sys/devices/system/cpu/online'),
    files.readText('/proc/sys/kernel/cap_last_cap'),
    files.readText('/proc/self/status'),
  ]);
  const fields = parseProcessStatus(status);
  // What is in both may be handed out: the bounding set limits what exec grants, the permitted set what capset does.
  const available = capabilitySetOf(fields, 'CapBnd') & capabilitySetOf(fields, 'CapPrm');
  return {
    hostname: hostname.trim(),
    cpuCount: countCpus(online),
    controllers: controllersOf(hierarchies),
    cgroupFeatures: await readFeatures(files, hierarchies),
    lastCapability: Number(lastCapability.trim()),
    availableCapabilities: capabilityNames(available),
  };
}

/** Every controller with the version that serves it; the kernel never gives one to both. */
export function controllersOf(hierarchies: readonly CgroupHierarchy[]): Readonly<Record<string, 1 | 2>> {
  const entries = hierarchies.flatMap(({ version, controllers }) =>
    controllers.filter((name) => !name.startsWith('name=')).map((name) => [name, version] as const),
  );
  return Object.fromEntries(entries);
}

/** Bounding swap needs CONFIG_SWAP and, on v1, `swapaccount`. The v2 knob is in every group but the root. */
async function readFeatures(files: Files, hierarchies: readonly CgroupHierarchy[]): Promise<readonly string[]> {
  const memory = hierarchies.find(({ controllers }) => controllers.includes('memory'));
  if (memory === undefined) return [];
  const knob = memory.version === 1 ? CGROUP1.memorySwapLimit : CGROUP2.memorySwapMax;
  const groups = memory.version === 1 ? [memory.mountPoint] : await childGroups(files, memory.mountPoint);
  for (const group of groups) if (await files.exists(join(group, knob))) return [knob];
  return [];
}

async function childGroups(files: Files, mountPoint: string): Promise<readonly string[]> {
  const groups: string[] = [];
  for (const name of await files.list(mountPoint)) {
    try {
      if ((await files.status(join(mountPoint, name))).kind === 'directory') groups.push(join(mountPoint, name));
    } catch (error) {
      // A group may be removed while we look.
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    }
  }
  return groups;
}
