/**
 * What a knob holds in a group where nobody has set it (kernel documentation, admin-guide/cgroup-v1 and cgroup-v2.rst).
 * Of v1 `-1` is what one writes for it; reading gives the largest number.
 */
const UNSET: Readonly<Record<1 | 2, Readonly<Record<string, string>>>> = {
  1: {
    'cpu.shares': '1024',
    'cpu.cfs_period_us': '100000',
    'cpu.cfs_quota_us': '-1',
    'cpu.cfs_burst_us': '0',
    'cpu.idle': '0',
    'memory.limit_in_bytes': '-1',
    'memory.memsw.limit_in_bytes': '-1',
    'memory.soft_limit_in_bytes': '-1',
    'memory.oom_control': '0',
    'pids.max': 'max',
    'blkio.weight': '500',
    'blkio.bfq.weight': '100',
    'net_cls.classid': '0',
  },
  2: {
    'cpu.weight': '100',
    'cpu.max': 'max 100000',
    'cpu.max.burst': '0',
    'cpu.idle': '0',
    'memory.min': '0',
    'memory.low': '0',
    'memory.high': 'max',
    'memory.max': 'max',
    'memory.oom.group': '0',
    'memory.swap.high': 'max',
    'memory.swap.max': 'max',
    'memory.zswap.max': 'max',
    'pids.max': 'max',
    'io.weight': 'default 100',
    'io.bfq.weight': 'default 100',
    'cpuset.cpus.partition': 'member',
  },
};

/** Of files with a line for each device or interface: what follows its name. All others take `0` in v1, `default` in v2. */
const UNSET_ENTRY: Readonly<Record<string, string>> = {
  'io.max': 'rbps=max wbps=max riops=max wiops=max',
  'io.latency': 'target=0',
  'rdma.max': 'hca_handle=max hca_object=max',
  'misc.max': 'max',
};

/**
 * @param entry the line of the file, where it has one for each device
 * @returns what to write for "not set"; `undefined` where it is whatever the group above has (cpuset, swappiness): a cpuset with processes
 *   cannot be emptied in v2 either (kernel/cgroup/cpuset.c, validate_change)
 */
export function unsetValue(version: 1 | 2, file: string, entry: string | undefined): string | undefined {
  if (entry !== undefined) return `${entry} ${UNSET_ENTRY[file] ?? (version === 1 ? '0' : 'default')}`;
  if (/^hugetlb\..*\.limit_in_bytes$/.test(file)) return '-1';
  if (/^hugetlb\..*\.max$/.test(file)) return 'max';
  return UNSET[version][file];
}

/** How much a knob allows, to tell lowering from raising; `undefined` for what is no amount. */
export function amountOf(value: string): number | undefined {
  const [amount = '', period] = value.trim().split(' ');
  if (amount === 'max' || amount === '-1') return Number.POSITIVE_INFINITY;
  if (!/^\d+$/.test(amount)) return undefined;
  return period !== undefined && /^\d+$/.test(period) ? Number(amount) / Number(period) : Number(amount);
}
