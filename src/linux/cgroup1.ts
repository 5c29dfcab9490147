/** File names of cgroup v1 (kernel documentation, admin-guide/cgroup-v1). */
export const CGROUP1 = {
  cpuPeriod: 'cpu.cfs_period_us',
  cpuQuota: 'cpu.cfs_quota_us',
  /** Linux 5.14, with CONFIG_CFS_BANDWIDTH. */
  cpuBurst: 'cpu.cfs_burst_us',
  cpuStat: 'cpu.stat',
  cpuacctUsage: 'cpuacct.usage',
  memoryLimit: 'memory.limit_in_bytes',
  /** Memory and swap together; must never be below the memory limit, so it is written second. */
  memorySwapLimit: 'memory.memsw.limit_in_bytes',
  memorySwapUsage: 'memory.memsw.usage_in_bytes',
  memoryUsage: 'memory.usage_in_bytes',
  memoryPeak: 'memory.max_usage_in_bytes',
  memoryOomControl: 'memory.oom_control',
  /** 1 once this group itself, not one above it, was told to freeze. */
  selfFreezing: 'freezer.self_freezing',
} as const;
