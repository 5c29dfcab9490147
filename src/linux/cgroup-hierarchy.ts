/** One cgroup hierarchy that this host mounts. */
export interface CgroupHierarchy {
  readonly version: 1 | 2;
  /** Where it is mounted, for example `/sys/fs/cgroup/memory`; its root, not our group. */
  readonly mountPoint: string;
  /** v1: as mounted, for example `cpu`, `cpuacct` or `name=systemd`; v2: the content of `cgroup.controllers`. */
  readonly controllers: readonly string[];
}

/** v1 controllers that make up each v2 one (kernel documentation, admin-guide/cgroup-v1 and cgroup-v2.rst). */
export const V1_CONTROLLERS: Readonly<Record<string, readonly string[]>> = {
  cpu: ['cpu', 'cpuacct'],
  memory: ['memory'],
  pids: ['pids'],
};
