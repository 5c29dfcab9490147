/** File names of cgroup v2 (kernel documentation, admin-guide/cgroup-v2.rst). */
export const CGROUP2 = {
  /** `QUOTA PERIOD` in microseconds. */
  cpuMax: 'cpu.max',
  cpuStat: 'cpu.stat',
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
} as const;
