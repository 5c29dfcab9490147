import { machine } from 'node:os';
import type { Files } from '../base/effects.ts';
import type { HostFacts } from '../model/host-facts.ts';
import type { LauncherKind } from '../model/launcher-kind.ts';
import { capabilityNames } from './capabilities.ts';
import { readCgroupFeatures, readCpusetLists, readHugePageSizes } from './cgroup-features.ts';
import { type CgroupHierarchy, v2Controller } from './cgroup-hierarchy.ts';
import { readLabelAttributes } from './label-attributes.ts';
import { capabilitySetOf, countCpus, ONLINE_CPUS, parseProcessStatus } from './proc.ts';

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
  const [hostname, online, lastCapability, status, release, hasSeccomp] = await Promise.all([
    files.readText('/proc/sys/kernel/hostname'),
    files.readText(ONLINE_CPUS),
    files.readText('/proc/sys/kernel/cap_last_cap'),
    files.readText('/proc/self/status'),
    files.readText('/proc/sys/kernel/osrelease'),
    // There since Linux 4.14 where filters are compiled in (CONFIG_SECCOMP_FILTER).
    files.exists('/proc/sys/kernel/seccomp/actions_avail'),
  ]);
  const fields = parseProcessStatus(status);
  // What is in both may be handed out: the bounding set limits what exec grants, the permitted set what capset does.
  const bounding = capabilitySetOf(fields, 'CapBnd');
  const available = bounding & capabilitySetOf(fields, 'CapPrm');
  return {
    launcher,
    uid: Number(fields.get('Uid')?.split(/\s+/)[0] ?? 0),
    hostname: hostname.trim(),
    cpuCount: countCpus(online),
    ...(await readCpusetLists(files, hierarchies, online)),
    controllers: controllersOf(hierarchies),
    cgroupFeatures: await readCgroupFeatures(files, hierarchies),
    hugePageSizes: await readHugePageSizes(files),
    kernel: parseKernelVersion(release),
    architecture: machine() === 'aarch64' ? 'aarch64' : 'x86_64',
    hasSeccomp,
    labelAttributes: await readLabelAttributes(files),
    lastCapability: Number(lastCapability.trim()),
    availableCapabilities: capabilityNames(available),
    boundingCapabilities: capabilityNames(bounding),
  };
}

/** @param release as uname(2) tells it, for example `6.18.5-foo` */
function parseKernelVersion(release: string): HostFacts['kernel'] {
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  return { major, minor };
}

/** Every controller (v2 names) with the version that serves it; the kernel never gives one to both. */
export function controllersOf(hierarchies: readonly CgroupHierarchy[]): Readonly<Record<string, 1 | 2>> {
  const entries = hierarchies.flatMap(({ version, controllers }) =>
    controllers.filter((name) => !name.startsWith('name=')).map((name) => [v2Controller(name), version] as const),
  );
  return Object.fromEntries(entries);
}
