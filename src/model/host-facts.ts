import type { LauncherKind } from './launcher-kind.ts';

/** What was found out about the host when the engine started. */
export interface HostFacts {
  readonly launcher: LauncherKind;
  /** The engine's own user; 0 is root. */
  readonly uid: number;
  readonly hostname: string;
  /** CPUs that are online. */
  readonly cpuCount: number;
  /** CPUs that containers can be given, as the kernel lists them: `0-3`. */
  readonly cpuList: string;
  /** Memory nodes likewise; `0` on a host with one. */
  readonly memoryNodeList: string;
  /** v2 controller names that the host can limit, and in which version. */
  readonly controllers: Readonly<Record<string, 1 | 2>>;
  /** Knobs that exist beyond the common ones (linux/cgroup-features.ts), for example `memory.memsw.limit_in_bytes`. */
  readonly cgroupFeatures: readonly string[];
  /** Sizes of huge pages that the kernel has, as cgroup files name them: `2MB`, `1GB`. */
  readonly hugePageSizes: readonly string[];
  /** Of the kernel that runs. */
  readonly kernel: { readonly major: number; readonly minor: number };
  /** The machine's own instruction set. */
  readonly architecture: 'x86_64' | 'aarch64';
  /** Whether the kernel takes filters of system calls. */
  readonly hasSeccomp: boolean;
  /** Security modules that can label a process, each with the file below /proc/self/attr that its next exec goes by. */
  readonly labelAttributes: { readonly appArmor?: string; readonly seLinux?: string };
  /** Highest capability number that the kernel knows. */
  readonly lastCapability: number;
  /** Names of the capabilities that the engine itself may hand out. */
  readonly availableCapabilities: readonly string[];
  /** The most that exec can give the engine, and whoever it starts as its own user (CapBnd). */
  readonly boundingCapabilities: readonly string[];
}
