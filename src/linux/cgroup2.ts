/** File names of cgroup v2 (kernel documentation, admin-guide/cgroup-v2.rst). */
export const CGROUP2 = {
  /** Controllers that the groups below have. */
  subtreeControl: 'cgroup.subtree_control',
  /** Among the groups beside it, 1 to 10000. */
  cpuWeight: 'cpu.weight',
  /** `QUOTA PERIOD` in microseconds. */
  cpuMax: 'cpu.max',
  /** Linux 5.14. */
  cpuMaxBurst: 'cpu.max.burst',
  /** Linux 5.15; the same in v1. */
  cpuIdle: 'cpu.idle',
  cpuStat: 'cpu.stat',
  cpusetCpus: 'cpuset.cpus',
  cpusetMems: 'cpuset.mems',
  cpusetEffectiveCpus: 'cpuset.cpus.effective',
  cpusetEffectiveMems: 'cpuset.mems.effective',
  memoryMax: 'memory.max',
  memoryHigh: 'memory.high',
  memoryLow: 'memory.low',
  memorySwapMax: 'memory.swap.max',
  memoryOomGroup: 'memory.oom.group',
  memoryCurrent: 'memory.current',
  memorySwapCurrent: 'memory.swap.current',
  /** Linux 5.19. */
  memoryPeak: 'memory.peak',
  memoryEvents: 'memory.events',
  memoryStat: 'memory.stat',
  /** The four of pids are the same in v1; the last came with Linux 6.5. */
  pidsMax: 'pids.max',
  pidsCurrent: 'pids.current',
  pidsEvents: 'pids.events',
  pidsPeak: 'pids.peak',
  /** Needs CONFIG_BLK_CGROUP_IOCOST, and io.cost.qos of the disk. */
  ioWeight: 'io.weight',
  /** The scheduler BFQ; 1 to 1000. */
  bfqWeight: 'io.bfq.weight',
  /** Needs CONFIG_BLK_DEV_THROTTLING. */
  ioMax: 'io.max',
  ioStat: 'io.stat',
  /** What the group was told; whether it is so stands in cgroup.events. */
  freeze: 'cgroup.freeze',
  /** Those of rdma and misc are the same in v1. */
  rdmaMax: 'rdma.max',
  rdmaCurrent: 'rdma.current',
  miscMax: 'misc.max',
  miscCurrent: 'misc.current',
} as const;
