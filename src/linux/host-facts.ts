import type { Files } from '../base/effects.ts';
import type { HostFacts } from '../model/host-facts.ts';
import type { LauncherKind } from '../model/launcher-kind.ts';
import { capabilityNames } from './capabilities.ts';
import { readCgroupFeatures, readCpusetLists, readHugePageSizes } from './cgroup-features.ts';
import { type CgroupHierarchy, v2Controller } from './cgroup-hierarchy.ts';
import { capabilitySetOf, countCpus, parseProcessStatus } from './proc.ts';

/**
 * Finds out once, when the engine starts, what plans may depend on.
 *
 * @param options.hierarchies as `readCgroupHierarchies` gives them, none for launcher `posix`; v2 shows its knobs in groups,
 *   so ours should be there
 */
export async function readHostFacts(
  files: Files,
  { hierarchies, launcher }: { readonly hierarchies: readonly CgroupHierarchy[]; readonly launcher: LauncherKind },
): Promise<HostFacts> {
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
    launcher,
    uid: Number(fields.get('Uid')?.split(/\s+/)[0] ?? 0),
    hostname: hostname.trim(),
    cpuCount: countCpus(online),
    ...(await readCpusetLists(files, hierarchies, online)),
    controllers: controllersOf(hierarchies),
    cgroupFeatures: await readCgroupFeatures(files, hierarchies),
    hugePageSizes: await readHugePageSizes(files),
    lastCapability: Number(lastCapability.trim()),
    availableCapabilities: capabilityNames(available),
  };
}

/** Every controller (v2 names) with the version that serves it; the kernel never gives one to both. */
export function controllersOf(hierarchies: readonly CgroupHierarchy[]): Readonly<Record<string, 1 | 2>> {
  const entries = hierarchies.flatMap(({ version, controllers }) =>
    controllers.filter((name) => !name.startsWith('name=')).map((name) => [v2Controller(name), version] as const),
  );
  return Object.fromEntries(entries);
}
