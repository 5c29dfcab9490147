/** What holds for one block device; a missing field is no bound. */
export interface DeviceLimits {
  /** Path of a device node of the host, or its numbers as `8:0`. */
  readonly device: string;
  /** Share among those who use the device at the same time: 10 to 1000 (`--blkio-weight-device`). */
  readonly blkioWeight?: number | undefined;
  readonly readBytesPerSecond?: number | undefined;
  readonly writeBytesPerSecond?: number | undefined;
  readonly readOperationsPerSecond?: number | undefined;
  readonly writeOperationsPerSecond?: number | undefined;
}

export interface HugePageLimit {
  /** As the kernel names it: `2MB`, `1GB`, `64KB`. */
  readonly pageSize: string;
  readonly limitBytes: number;
}

export interface RdmaLimit {
  /** Name of an RDMA device, for example `mlx5_0`. */
  readonly device: string;
  readonly handles?: number | undefined;
  readonly objects?: number | undefined;
}

export interface MiscLimit {
  /** As misc.capacity names it, for example `sev`. */
  readonly name: string;
  readonly limit: number;
}

export interface NetworkPriority {
  readonly networkInterface: string;
  readonly priority: number;
}

/** Bounds and shares of one container, whatever the version of cgroups; a missing field is the kernel's default. */
export interface Resources {
  readonly memoryLimitBytes?: number;
  /** What the container keeps when memory is short: a request, no promise. */
  readonly memoryReservationBytes?: number;
  /** Memory and swap together, as Docker counts; -1 is no bound of swap. */
  readonly memorySwapBytes?: number;
  /** From here on the container is slowed down and its memory reclaimed; v2 only. */
  readonly memoryHighBytes?: number;
  /** 0 to 100: how readily anonymous memory is swapped out; v1 only. */
  readonly memorySwappiness?: number;
  /** Out of memory ends all processes of the container, not one; v2 only. */
  readonly memoryOomGroup?: boolean;
  /** Out of memory makes processes wait in place of ending one; v1 only. */
  readonly oomKillDisabled?: boolean;
  /** 1000 is one CPU. */
  readonly cpuMillis?: number;
  /** Microseconds of CPU time in each period. */
  readonly cpuQuotaUs?: number;
  readonly cpuPeriodUs?: number;
  /** Unused quota of earlier periods that may be used later, at most. */
  readonly cpuBurstUs?: number;
  /** Share while CPUs are contended, as v1 counts: 2 to 262144, 1024 by default. */
  readonly cpuShares?: number;
  /** Share while CPUs are contended, as v2 counts: 1 to 10000, 100 by default. */
  readonly cpuWeight?: number;
  /** Runs only when nobody else wants the CPU. */
  readonly cpuIdle?: boolean;
  /** CPUs that it may use, for example `0-3,6`. */
  readonly cpusetCpus?: string;
  /** Memory nodes that it may use. */
  readonly cpusetMems?: string;
  readonly pidsLimit?: number;
  /** Share while a disk is contended, as v2 counts: 1 to 10000, 100 by default. */
  readonly ioWeight?: number;
  /** The same as Docker counts: 10 to 1000. */
  readonly blkioWeight?: number;
  readonly ioDevices?: readonly DeviceLimits[];
  readonly hugePages?: readonly HugePageLimit[];
  readonly rdma?: readonly RdmaLimit[];
  readonly misc?: readonly MiscLimit[];
  /** Mark of outgoing packets, major number in the upper 16 bits; `auto`: one of the agent's range. v1 only. */
  readonly netClassId?: number | 'auto';
  /** v1 only. */
  readonly networkPriorities?: readonly NetworkPriority[];
}

/** Whether a device is named by its numbers, `8:0`, and not by a path. */
export function isDeviceNumber(device: string): boolean {
  return /^\d{1,10}:\d{1,10}$/.test(device);
}
