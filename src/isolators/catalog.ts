import type { Files } from '../base/effects.ts';
import type { DiskMeasurement, DiskUse } from '../model/disk-quota.ts';
import type { NetClassRange } from '../model/net-class.ts';
import type { RightsPolicy } from '../model/rights-policy.ts';
import type { SeccompChoice } from '../model/security-config.ts';
import type { Step } from '../model/wire.ts';
import { cgroupsCpu } from './cgroups/cpu.ts';
import { cgroupsCpuset } from './cgroups/cpuset.ts';
import { cgroupsDevices } from './cgroups/devices.ts';
import { cgroupsHugetlb } from './cgroups/hugetlb.ts';
import { cgroupsIo } from './cgroups/io.ts';
import { cgroupsMemory } from './cgroups/memory.ts';
import { cgroupsMisc } from './cgroups/misc-resources.ts';
import { cgroupsNetCls } from './cgroups/net-cls.ts';
import { cgroupsNetPrio } from './cgroups/net-prio.ts';
import { cgroupsPerfEvent } from './cgroups/perf-event.ts';
import { cgroupsPids } from './cgroups/pids.ts';
import { cgroupsRdma } from './cgroups/rdma.ts';
import { diskQuota } from './disk/quota.ts';
import { environmentSecrets } from './environment-secret.ts';
import { filesystemLinux } from './filesystem/linux.ts';
import type { Isolator } from './isolator.ts';
import { capabilities } from './linux/capabilities.ts';
import { capabilityGrants } from './linux/capability-grants.ts';
import { linuxDevices } from './linux/devices.ts';
import { ioPriority } from './linux/io-priority.ts';
import { label } from './linux/label.ts';
import { landlock } from './linux/landlock.ts';
import { memoryPolicy } from './linux/memory-policy.ts';
import { noNewPrivileges } from './linux/nnp.ts';
import { oomScore } from './linux/oom.ts';
import { personality } from './linux/personality.ts';
import { scheduler } from './linux/scheduler.ts';
import { seccomp } from './linux/seccomp/seccomp.ts';
import { sysctl } from './linux/sysctl.ts';
import { cgroupNamespace } from './namespaces/cgroup.ts';
import { ipcNamespace } from './namespaces/ipc.ts';
import { pidNamespace } from './namespaces/pid.ts';
import { timeNamespace } from './namespaces/time.ts';
import { userNamespace } from './namespaces/user.ts';
import { utsNamespace } from './namespaces/uts.ts';
import { networkContainer } from './network/container.ts';
import { networkHost } from './network/host.ts';
import { networkNone } from './network/none.ts';
import { posixCpu } from './posix/cpu.ts';
import { posixDisk } from './posix/disk.ts';
import { posixMemory } from './posix/memory.ts';
import { posixRlimits } from './posix/rlimits.ts';
import { runtimeHooks } from './runtime/hooks.ts';
import { runtimeImage } from './runtime/image.ts';
import { hostPathVolumes } from './volume/host-path.ts';
import { imageVolumes } from './volume/image.ts';
import { namedVolumes } from './volume/named.ts';
import { sandboxPathVolumes } from './volume/sandbox-path.ts';
import { secretVolumes } from './volume/secret.ts';
import { tmpfsVolumes } from './volume/tmpfs.ts';

/** What isolators may touch of the host. */
export interface CatalogEffects {
  readonly files: Files;
  /** Runs host steps in a worker of the helper. */
  readonly runHostSteps: (steps: readonly Step[]) => Promise<void>;
  /** Counts what files take on disk, in a worker of the helper that gives way to everybody. */
  readonly measureDisk: (measurement: DiskMeasurement) => Promise<DiskUse>;
}

/** What whoever runs the agent has chosen for every container. */
export interface CatalogOptions {
  /** For containers that ask for no profile of their own; missing means ours. */
  readonly seccomp?: SeccompChoice | undefined;
  /** What containers may have at most, and what they have unless they ask. */
  readonly rights?: RightsPolicy | undefined;
  /** Hooks for every container that they match; missing: none. */
  readonly hooksDirectory?: string | undefined;
  /** Network classes that `cgroups/net_cls` may give out. */
  readonly netClasses?: NetClassRange | undefined;
  /** What `cgroups/perf_event` counts. */
  readonly perfEvents?: readonly string[] | undefined;
  /** How often it is counted what containers keep on disk; missing: 15 s. */
  readonly diskWatchIntervalMs?: number | undefined;
}

/**
 * Every isolator, in the order in which they are prepared and their contributions merged; cleanup goes backwards.
 *
 * @throws {EngineError} `seccomp.*` when the agent's profile is none, `linux/capabilities.*` when its capabilities are not
 */
export function isolatorCatalog(effects: CatalogEffects, options: CatalogOptions = {}): readonly Isolator[] {
  const grants = capabilityGrants(options.rights);
  return [
    filesystemLinux(effects),
    pidNamespace(),
    userNamespace(),
    ipcNamespace(effects),
    utsNamespace(),
    cgroupNamespace(),
    timeNamespace(),
    networkNone(effects),
    networkHost(effects),
    networkContainer(effects),
    hostPathVolumes(effects),
    namedVolumes(),
    tmpfsVolumes(),
    imageVolumes(),
    secretVolumes(),
    sandboxPathVolumes(effects),
    environmentSecrets(),
    diskQuota(effects, options.diskWatchIntervalMs),
    cgroupsCpu(effects),
    cgroupsCpuset(effects),
    cgroupsMemory(effects),
    cgroupsPids(effects),
    cgroupsIo(effects),
    cgroupsHugetlb(effects),
    cgroupsDevices(effects),
    linuxDevices(effects),
    cgroupsRdma(effects),
    cgroupsMisc(effects),
    cgroupsNetCls(effects, options.netClasses),
    cgroupsNetPrio(effects),
    cgroupsPerfEvent(options.perfEvents),
    runtimeImage(),
    runtimeHooks(effects, options.hooksDirectory),
    sysctl(),
    personality(),
    ioPriority(),
    memoryPolicy(),
    scheduler(),
    oomScore(),
    posixRlimits(),
    posixCpu(effects),
    posixMemory(effects),
    posixDisk(effects, options.diskWatchIntervalMs),
    landlock(),
    label(),
    capabilities(grants),
    noNewPrivileges(options.rights),
    seccomp(options.seccomp, grants),
  ];
}
