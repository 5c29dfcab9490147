/** File names of cgroup v2 (kernel documentation, admin-guide/cgroup-v2.rst). */
export const CGROUP2 = {
  /** `QUOTA PERIOD` in microseconds. */
  cpuMax: 'cpu.max',
  /** Linux 5.14. */
  cpuMaxBurst: 'cpu.max.burst',
  cpuStat: 'cpu.stat',
  memoryHigh: 'memory.high',
  memoryMax: 'memory.max',
  memorySwapMax: 'memory.swap.max',
  memoryCurrent: 'memory.current',
  /** Linux 5.19. */
  memoryPeak: 'memory.peak',
  memoryEvents: 'memory.events',
  /** The three of pids are the same in v1. */
  pidsMax: 'pids.max',
  pidsCurrent: 'pids.current',
  pidsEvents: 'pids.events',
  /** What the group was told; whether it is so stands in cgroup.events. */
  freeze: 'cgroup.freeze',
} as const;
