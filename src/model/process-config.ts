import { defineErrors } from './error.ts';

/** Numbers of setrlimit(2) by name (asm-generic/resource.h); the names are those of `ulimit` and of Docker. */
export const RLIMIT_NUMBERS = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  rss: 5,
  nproc: 6,
  nofile: 7,
  memlock: 8,
  as: 9,
  locks: 10,
  sigpending: 11,
  msgqueue: 12,
  nice: 13,
  rtprio: 14,
  rttime: 15,
} as const;

export type RlimitName = keyof typeof RLIMIT_NUMBERS;

/** Units are those of setrlimit(2): bytes, seconds, or a count. */
export type RlimitValue = number | 'unlimited';

export interface Rlimit {
  readonly soft: RlimitValue;
  readonly hard: RlimitValue;
}

export const SCHEDULER_POLICIES = ['other', 'batch', 'idle', 'fifo', 'rr', 'deadline'] as const;

/** As sched_setattr(2); what a policy has no use for must be missing. */
export interface SchedulerConfig {
  readonly policy: (typeof SCHEDULER_POLICIES)[number];
  /** -20 to 19; `other` and `batch` only. */
  readonly nice?: number;
  /** 1 to 99; `fifo` and `rr` only. */
  readonly priority?: number;
  /** `deadline` only, which needs all three: runtime ≤ deadline ≤ period. */
  readonly runtimeNs?: number;
  readonly deadlineNs?: number;
  readonly periodNs?: number;
}

export const IO_PRIORITY_CLASSES = ['realtime', 'best-effort', 'idle'] as const;

export interface IoPriorityConfig {
  readonly class: (typeof IO_PRIORITY_CLASSES)[number];
  /** 0, the first served, to 7; 0 for `idle`. */
  readonly level: number;
}

export const MEMORY_POLICY_MODES = ['default', 'preferred', 'bind', 'interleave', 'local', 'preferred-many'] as const;

/** As set_mempolicy(2). */
export interface MemoryPolicyConfig {
  readonly mode: (typeof MEMORY_POLICY_MODES)[number];
  /** Numbers of NUMA nodes; empty for `default` and `local`. */
  readonly nodes: readonly number[];
}

export const PERSONALITIES = ['linux', 'linux32'] as const;

/** What every process of a container is to the kernel's schedulers and accountants, exec sessions included. */
export interface ProcessConfig {
  readonly rlimits?: Readonly<Partial<Record<RlimitName, Rlimit>>>;
  /** -1000 (never killed when memory is short) to 1000 (killed first). */
  readonly oomScoreAdj?: number;
  readonly personality?: (typeof PERSONALITIES)[number];
  readonly scheduler?: SchedulerConfig;
  readonly ioPriority?: IoPriorityConfig;
  readonly memoryPolicy?: MemoryPolicyConfig;
}

type OrUndefined<Fields> = { readonly [Name in keyof Fields]: Fields[Name] | undefined };

/** A request's `process`, where an absent field may also be `undefined`. */
export type ProcessRequest = OrUndefined<Omit<ProcessConfig, 'scheduler'>> & {
  readonly scheduler?: (OrUndefined<SchedulerConfig> & Pick<SchedulerConfig, 'policy'>) | undefined;
};

export const processConfigErrors = defineErrors('process-config', {
  unknownRlimit: {
    kind: 'invalid-argument',
    message: (d: { name: string }) => `there is no resource limit ${JSON.stringify(d.name)}`,
    remedy: () => `choose among ${Object.keys(RLIMIT_NUMBERS).join(', ')}`,
  },
  softAboveHard: {
    kind: 'invalid-argument',
    message: (d: { name: string; soft: string; hard: string }) =>
      `resource limit ${d.name} has a soft value of ${d.soft} above its hard value of ${d.hard}`,
    remedy: () => 'raise the hard value, or lower the soft one',
  },
  outOfRange: {
    kind: 'invalid-argument',
    message: (d: { field: string; value: number; least: number; most: number }) =>
      `${d.field} ${d.value} is not a whole number from ${d.least} to ${d.most}`,
  },
  meaningless: {
    kind: 'invalid-argument',
    message: (d: { field: string; of: string }) => `${d.field} means nothing for ${d.of}`,
    remedy: (d: { field: string }) => `leave ${d.field} out`,
  },
  missing: {
    kind: 'invalid-argument',
    message: (d: { field: string; of: string }) => `${d.of} needs ${d.field}`,
  },
  deadlineOrder: {
    kind: 'invalid-argument',
    message: (d: { runtimeNs: number; deadlineNs: number; periodNs: number }) =>
      `a runtime of ${d.runtimeNs} ns, a deadline of ${d.deadlineNs} ns and a period of ${d.periodNs} ns do not grow in this order`,
    remedy: () => 'the kernel wants 1024 ns ≤ runtime ≤ deadline ≤ period (sched(7))',
  },
});

/** Highest node number that a mask of ours reaches. */
const MAX_NODE = 1023;

/**
 * Checks each setting alone; whether the kernel grants it is found out at the launch.
 *
 * @throws {EngineError} `process-config.*` (invalid-argument)
 */
export function checkProcess(process: ProcessRequest): void {
  for (const [name, limit] of Object.entries(process.rlimits ?? {})) checkRlimit(name, limit);
  if (process.oomScoreAdj !== undefined) checkRange('oom_score_adj', process.oomScoreAdj, -1000, 1000);
  if (process.scheduler !== undefined) checkScheduler(process.scheduler);
  if (process.ioPriority !== undefined) checkIoPriority(process.ioPriority);
  if (process.memoryPolicy !== undefined) checkMemoryPolicy(process.memoryPolicy);
}

function checkRange(field: string, value: number, least: number, most: number): void {
  const fits = Number.isSafeInteger(value) && value >= least && value <= most;
  if (!fits) throw processConfigErrors.outOfRange({ field, value, least, most });
}

function checkRlimit(name: string, { soft, hard }: Rlimit): void {
  if (!Object.hasOwn(RLIMIT_NUMBERS, name)) throw processConfigErrors.unknownRlimit({ name });
  for (const value of [soft, hard]) {
    if (value !== 'unlimited') checkRange(`resource limit ${name}`, value, 0, Number.MAX_SAFE_INTEGER);
  }
  if (hard === 'unlimited' || (soft !== 'unlimited' && soft <= hard)) return;
  throw processConfigErrors.softAboveHard({ name, soft: String(soft), hard: String(hard) });
}

function checkScheduler(scheduler: NonNullable<ProcessRequest['scheduler']>): void {
  const { policy, nice, priority, runtimeNs, deadlineNs, periodNs } = scheduler;
  const of = `scheduler ${policy}`;
  const isFair = policy === 'other' || policy === 'batch';
  const isRealtime = policy === 'fifo' || policy === 'rr';
  const isDeadline = policy === 'deadline';
  checkUse('nice', nice, { of, allowed: isFair, needed: false });
  checkUse('priority', priority, { of, allowed: isRealtime, needed: isRealtime });
  for (const [field, value] of Object.entries({ runtimeNs, deadlineNs, periodNs })) {
    checkUse(field, value, { of, allowed: isDeadline, needed: isDeadline });
  }
  if (nice !== undefined) checkRange('nice', nice, -20, 19);
  if (priority !== undefined) checkRange('priority', priority, 1, 99);
  if (runtimeNs === undefined || deadlineNs === undefined || periodNs === undefined) return;
  if (runtimeNs >= 1024 && runtimeNs <= deadlineNs && deadlineNs <= periodNs) return;
  throw processConfigErrors.deadlineOrder({ runtimeNs, deadlineNs, periodNs });
}

function checkUse(
  field: string,
  value: number | undefined,
  { of, allowed, needed }: { readonly of: string; readonly allowed: boolean; readonly needed: boolean },
): void {
  if (value !== undefined && !allowed) throw processConfigErrors.meaningless({ field, of });
  if (value === undefined && needed) throw processConfigErrors.missing({ field, of });
}

function checkIoPriority({ class: name, level }: IoPriorityConfig): void {
  checkRange('level of the input/output priority', level, 0, name === 'idle' ? 0 : 7);
}

function checkMemoryPolicy({ mode, nodes }: MemoryPolicyConfig): void {
  const of = `memory policy ${mode}`;
  const takesNodes = mode !== 'default' && mode !== 'local';
  if (!takesNodes && nodes.length > 0) throw processConfigErrors.meaningless({ field: 'nodes', of });
  if (takesNodes && nodes.length === 0) throw processConfigErrors.missing({ field: 'nodes', of });
  for (const node of nodes) checkRange('number of a memory node', node, 0, MAX_NODE);
}
