import type { ContainerStats, ContainerStatus, StatsQuery } from '../../../engine/facade.ts';
import type { ExitStatus, Limitation, Termination } from '../../../model/exit-status.ts';
import { type ContainerId, idOfPath } from './container-ids.ts';

type Json = Readonly<Record<string, unknown>>;

const NS_PER_S = 1e9;
const MS_PER_S = 1000;
const MILLIS = 1000;
/** Of a processor in cpu shares, as a launch asks for them. */
const SHARES_PER_CPU = 1024;
const BYTES_PER_MEBIBYTE = 1 << 20;
const CORE_DUMPED = 0x80;

/** An entry of GET_CONTAINERS; unlike the original's its `container_id` is whole. */
export function containerAnswer({ path, pid, config }: ContainerStatus, stats: ContainerStats | undefined): Json {
  const shown = processAnswer(idOfPath(path), pid, config.resources.netClassId);
  return stats === undefined ? shown : { ...shown, resource_statistics: statisticsOf(stats) };
}

/** The same of a session, which has no accounts of its own. */
export function processAnswer(id: ContainerId, pid: number | undefined, classId?: number | 'auto'): Json {
  return {
    container_id: id,
    container_status: { container_id: id, ...(pid === undefined ? {} : { executor_pid: pid }), ...groupsOf(classId) },
  };
}

/** CgroupInfo of mesos.proto has the class of network packets alone; one of our own choice is not in the config. */
function groupsOf(classId: number | 'auto' | undefined): Json {
  return typeof classId === 'number' ? { cgroup_info: { net_cls: { classid: classId } } } : {};
}

/** What ResourceStatistics is made of: of a thousand containers nothing else need be read. */
export const COUNTED: NonNullable<StatsQuery['only']> = ['cpu', 'memory', 'processes'];

/**
 * ResourceStatistics of mesos.proto, as far as it was counted. What bounds no container hard is what it has asked for,
 * as there: a share of processors without a limit, memory that a limit alone tells of.
 */
function statisticsOf({ atMs, usage, limits, disk }: ContainerStats): Json {
  const share = limits.cpuShares === undefined ? undefined : limits.cpuShares / SHARES_PER_CPU;
  const seconds = (ns: number | undefined) => (ns === undefined ? undefined : ns / NS_PER_S);
  const fields: Record<string, number | undefined> = {
    timestamp: atMs / MS_PER_S,
    processes: usage.pids,
    threads: usage.pids,
    cpus_user_time_secs: seconds(usage.cpuUserNs),
    cpus_system_time_secs: seconds(usage.cpuSystemNs),
    cpus_limit: limits.cpuMillis === undefined ? share : limits.cpuMillis / MILLIS,
    cpus_soft_limit: share,
    cpus_nr_periods: usage.cpuPeriods,
    cpus_nr_throttled: usage.cpuThrottledPeriods,
    cpus_throttled_time_secs: seconds(usage.cpuThrottledNs),
    mem_limit_bytes: limits.memoryLimitBytes,
    mem_soft_limit_bytes: limits.memoryReservationBytes ?? limits.memoryLimitBytes,
    mem_total_bytes: usage.memoryBytes,
    mem_anon_bytes: usage.memoryAnonymousBytes,
    mem_rss_bytes: usage.memoryAnonymousBytes,
    mem_file_bytes: usage.memoryFileBytes,
    mem_cache_bytes: usage.memoryFileBytes,
    mem_swap_bytes: usage.memorySwapBytes,
    disk_limit_bytes: disk?.limitBytes,
    disk_used_bytes: disk?.usedBytes,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** Body of the answer to WAIT_CONTAINER. `exit_status` is as wait(2) has it, and missing when nobody saw the end. */
export function terminationAnswer({ exitStatus, reason, message, limitations }: Termination): Json {
  const waitStatus = waitStatusOf(exitStatus);
  const last = reason === 'limitation' ? limitations.at(-1) : undefined;
  return {
    ...(waitStatus === undefined ? {} : { exit_status: waitStatus }),
    ...(last === undefined ? {} : limitedFields(last)),
    ...(message === '' ? {} : { message }),
  };
}

function limitedFields(limitation: Limitation): Json {
  const resources = limitedResources(limitation);
  return {
    state: 'TASK_FAILED',
    reason: REASON[limitation.resource] ?? 'REASON_CONTAINER_LIMITATION',
    ...(resources.length === 0 ? {} : { limitation: { resources } }),
  };
}

/** TaskResourceLimitation of mesos.proto: which resource, and how much of it was used; its resources know no processes. */
function limitedResources({ resource, statistics = {} }: Limitation): readonly Json[] {
  const { memoryPeakBytes, memoryBytes, memoryLimitBytes, diskUsedBytes, diskLimitBytes } = statistics;
  const bytes =
    resource === 'memory'
      ? (memoryPeakBytes ?? memoryBytes ?? memoryLimitBytes)
      : resource === 'disk'
        ? (diskUsedBytes ?? diskLimitBytes)
        : undefined;
  if (bytes === undefined) return [];
  const name = resource === 'memory' ? 'mem' : 'disk';
  return [{ name, type: 'SCALAR', scalar: { value: bytes / BYTES_PER_MEBIBYTE } }];
}

/** Reasons of mesos.proto; it has none for processes. */
const REASON: Readonly<Record<string, string>> = {
  memory: 'REASON_CONTAINER_LIMITATION_MEMORY',
  disk: 'REASON_CONTAINER_LIMITATION_DISK',
};

function waitStatusOf(status: ExitStatus): number | undefined {
  switch (status.kind) {
    case 'exited':
      return status.code << 8;
    case 'signaled':
      return status.signal | (status.coreDumped ? CORE_DUMPED : 0);
    case 'lost':
      return undefined;
  }
}
