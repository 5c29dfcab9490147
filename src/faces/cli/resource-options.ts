import type { Command } from 'commander';
import { present } from '../../model/container-request.ts';
import type { Resources } from '../../model/resources.ts';
import { type DeviceOptions, deviceLimitsOf, parseHugePages } from './device-limits.ts';
import { parseMisc, parseNetClassOption, parseNetworkPriority, parseRdma } from './network-limits.ts';
import { repeatable } from './runner.ts';
import { parseBytes, parseCount, parseCpus } from './values.ts';

/** Options that bound a container, as commander gives them. */
export interface ResourceOptions extends DeviceOptions {
  readonly memory?: string;
  readonly memoryReservation?: string;
  readonly memorySwap?: string;
  readonly memoryHigh?: string;
  readonly memorySwappiness?: string;
  readonly memoryOomGroup?: boolean;
  readonly oomKillDisable?: boolean;
  readonly cpus?: string;
  readonly cpuShares?: string;
  readonly cpuWeight?: string;
  readonly cpuPeriod?: string;
  readonly cpuQuota?: string;
  readonly cpuBurst?: string;
  readonly cpuIdle?: boolean;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly pidsLimit?: string;
  readonly ioWeight?: string;
  readonly blkioWeight?: string;
  readonly hugetlb?: readonly string[];
  readonly rdma?: readonly string[];
  readonly misc?: readonly string[];
  readonly netCls?: string;
  readonly netPrio?: readonly string[];
}

/** Bounds and shares of a container; what changes them live takes the same. */
export function addResourceOptions(command: Command): Command {
  return addDeviceOptions(addMemoryOptions(command))
    .option('--cpus <count>', 'CPU limit: 0.5, 2')
    .option('-c, --cpu-shares <shares>', 'share while CPUs are contended: 2 to 262144, 1024 is usual')
    .option('--cpu-weight <weight>', 'the same on the scale of cgroup v2: 1 to 10000, 100 is usual')
    .option('--cpu-period <us>', 'period of the CPU limit in microseconds: 100000 unless given')
    .option('--cpu-quota <us>', 'CPU time in each period, in microseconds; 0 or -1 for no bound')
    .option('--cpu-burst <us>', 'unused quota that may be used later, at most, in microseconds')
    .option('--cpu-idle', 'run only when nobody else wants the CPU')
    .option('--cpuset-cpus <list>', 'CPUs that may be used: 0-3,6')
    .option('--cpuset-mems <list>', 'memory nodes that may be used')
    .option('--pids-limit <count>', 'limit of processes and threads; 0 or -1 for none')
    .option('--hugetlb <size:bytes>', 'limit of huge pages of a size: 2MB:64m; may be repeated', repeatable)
    .option('--rdma <device:limits>', 'mlx5_0:hca_handle=2,hca_object=2000; may be repeated', repeatable)
    .option('--misc <name:count>', 'limit of what the host has few of: sev:2; may be repeated', repeatable)
    .option('--net-cls <class>', "mark of what is sent: 10:1 as in tc, or auto for one of the agent's (cgroup v1)")
    .option('--net-prio <interface:priority>', 'priority of what is sent; may be repeated (cgroup v1)', repeatable);
}

function addMemoryOptions(command: Command): Command {
  return command
    .option('-m, --memory <bytes>', 'memory limit: 64m, 1.5g')
    .option('--memory-reservation <bytes>', 'memory that is kept when the host is short of it')
    .option('--memory-swap <bytes>', 'limit of memory and swap together, -1 for none; no swap unless given')
    .option('--memory-high <bytes>', 'slow down and reclaim from here on (cgroup v2)')
    .option('--memory-swappiness <0-100>', 'how readily memory is swapped out, -1 for as usual (cgroup v1)')
    .option('--memory-oom-group', 'out of memory ends all processes of the container (cgroup v2)')
    .option('--oom-kill-disable', 'out of memory makes processes wait in place of ending one (cgroup v1)');
}

function addDeviceOptions(command: Command): Command {
  return command
    .option('--io-weight <weight>', 'share while a disk is contended: 1 to 10000, 100 is usual')
    .option('--blkio-weight <weight>', "the same on Docker's scale: 10 to 1000, 0 for as usual")
    .option('--blkio-weight-device <path:weight>', 'the same for one disk; may be repeated', repeatable)
    .option('--device-read-bps <path:rate>', 'bytes read from a disk each second: /dev/sda:1m', repeatable)
    .option('--device-write-bps <path:rate>', 'bytes written to a disk each second', repeatable)
    .option('--device-read-iops <path:rate>', 'reads from a disk each second', repeatable)
    .option('--device-write-iops <path:rate>', 'writes to a disk each second', repeatable);
}

/** @throws {EngineError} `cli.badValue` (invalid-argument) */
export function resourcesOf(options: ResourceOptions): Resources {
  return present({ ...memoryOf(options), ...cpuOf(options), ...othersOf(options) });
}

function memoryOf(options: ResourceOptions) {
  const { memory, memoryReservation, memorySwap, memoryHigh, memorySwappiness } = options;
  return {
    memoryLimitBytes: memory === undefined ? undefined : parseBytes('--memory', memory),
    memoryReservationBytes:
      memoryReservation === undefined ? undefined : parseBytes('--memory-reservation', memoryReservation),
    memorySwapBytes: memorySwap === undefined ? undefined : parseSwap(memorySwap),
    memoryHighBytes: memoryHigh === undefined ? undefined : parseBytes('--memory-high', memoryHigh),
    memorySwappiness: counted('--memory-swappiness', memorySwappiness, { least: -1, none: [-1] }),
    memoryOomGroup: options.memoryOomGroup,
    oomKillDisabled: options.oomKillDisable,
  };
}

/** 0 says, as in Docker, what is not said at all. */
function parseSwap(value: string): number | undefined {
  if (value === '0') return undefined;
  return value === '-1' ? -1 : parseBytes('--memory-swap', value);
}

function cpuOf(options: ResourceOptions) {
  const none = [-1, 0];
  return {
    cpuMillis: options.cpus === undefined ? undefined : parseCpus('--cpus', options.cpus),
    cpuShares: counted('--cpu-shares', options.cpuShares, { least: 0, none }),
    cpuWeight: counted('--cpu-weight', options.cpuWeight, { least: 1, none: [] }),
    cpuPeriodUs: counted('--cpu-period', options.cpuPeriod, { least: 0, none }),
    cpuQuotaUs: counted('--cpu-quota', options.cpuQuota, { least: -1, none }),
    cpuBurstUs: counted('--cpu-burst', options.cpuBurst, { least: 0, none: [] }),
    cpuIdle: options.cpuIdle,
    cpusetCpus: options.cpusetCpus,
    cpusetMems: options.cpusetMems,
  };
}

function othersOf(options: ResourceOptions) {
  const ioDevices = deviceLimitsOf(options);
  return {
    pidsLimit: counted('--pids-limit', options.pidsLimit, { least: -1, none: [-1, 0] }),
    ioWeight: counted('--io-weight', options.ioWeight, { least: 1, none: [] }),
    blkioWeight: counted('--blkio-weight', options.blkioWeight, { least: 0, none: [0] }),
    ioDevices: ioDevices.length === 0 ? undefined : ioDevices,
    hugePages: options.hugetlb?.map(parseHugePages),
    rdma: options.rdma?.map(parseRdma),
    misc: options.misc?.map(parseMisc),
    netClassId: options.netCls === undefined ? undefined : parseNetClassOption(options.netCls),
    networkPriorities: options.netPrio?.map(parseNetworkPriority),
  };
}

/** @param range.none what Docker's clients say for "as if it was not given" */
function counted(
  option: string,
  value: string | undefined,
  range: { readonly least: number; readonly none: readonly number[] },
): number | undefined {
  if (value === undefined) return undefined;
  const count = parseCount(option, value, range.least);
  return range.none.includes(count) ? undefined : count;
}
