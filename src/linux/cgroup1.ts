/** File names of cgroup v1 (kernel documentation, admin-guide/cgroup-v1). */
export const CGROUP1 = {
  cpuPeriod: 'cpu.cfs_period_us',
  cpuQuota: 'cpu.cfs_quota_us',
  cpuStat: 'cpu.stat',
  cpuacctUsage: 'cpuacct.usage',
  memoryLimit: 'memory.limit_in_bytes',
  /** Memory and swap together; must never be below the memory limit, so it is written second. */
  memorySwapLimit: 'memory.memsw.limit_in_bytes',
  memoryUsage: 'memory.usage_in_bytes',
  memoryPeak: 'memory.max_usage_in_bytes',
  memoryOomControl: 'memory.oom_control',
} as const;
