/** File names of cgroup v1 (kernel documentation, admin-guide/cgroup-v1 and scheduler/sched-bwc). */
export const CGROUP1 = {
  /** Weight among the groups and processes beside it; 1024 is that of a process. */
  cpuShares: 'cpu.shares',
  cpuPeriod: 'cpu.cfs_period_us',
  cpuQuota: 'cpu.cfs_quota_us',
  /** Linux 5.14, with CONFIG_CFS_BANDWIDTH. */
  cpuBurst: 'cpu.cfs_burst_us',
  cpuStat: 'cpu.stat',
  cpuacctUsage: 'cpuacct.usage',
  /** User and system time in USER_HZ, sampled at ticks and scaled to the usage. */
  cpuacctStat: 'cpuacct.stat',
  cpusetCpus: 'cpuset.cpus',
  cpusetMems: 'cpuset.mems',
  cpusetEffectiveCpus: 'cpuset.effective_cpus',
  cpusetEffectiveMems: 'cpuset.effective_mems',
  memoryLimit: 'memory.limit_in_bytes',
  /** Memory and swap together; must never be below the memory limit, so it is written second. */
  memorySwapLimit: 'memory.memsw.limit_in_bytes',
  memorySoftLimit: 'memory.soft_limit_in_bytes',
  memorySwappiness: 'memory.swappiness',
  memoryUsage: 'memory.usage_in_bytes',
  memoryPeak: 'memory.max_usage_in_bytes',
  memoryOomControl: 'memory.oom_control',
  memoryStat: 'memory.stat',
  /** The scheduler BFQ; 1 to 1000. */
  bfqWeight: 'blkio.bfq.weight',
  bfqWeightDevice: 'blkio.bfq.weight_device',
  /** The scheduler CFQ, gone with Linux 5.0 and still in older vendor kernels; 10 to 1000. */
  cfqWeight: 'blkio.weight',
  cfqWeightDevice: 'blkio.weight_device',
  throttleReadBytes: 'blkio.throttle.read_bps_device',
  throttleWriteBytes: 'blkio.throttle.write_bps_device',
  throttleReadOperations: 'blkio.throttle.read_iops_device',
  throttleWriteOperations: 'blkio.throttle.write_iops_device',
  ioBytes: 'blkio.throttle.io_service_bytes_recursive',
  ioOperations: 'blkio.throttle.io_serviced_recursive',
  memorySwapUsage: 'memory.memsw.usage_in_bytes',
  /** 1 once this group itself, not one above it, was told to freeze. */
  selfFreezing: 'freezer.self_freezing',
  /** Major number in the upper 16 bits, as tc(8) writes `10:1`. */
  networkClass: 'net_cls.classid',
  /** A line `INTERFACE PRIORITY` for each interface of the host. */
  networkPriorities: 'net_prio.ifpriomap',
} as const;
