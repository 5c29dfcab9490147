import type { IoPriorityConfig, MemoryPolicyConfig, RlimitValue, SchedulerConfig } from '../model/process-config.ts';

/** RLIM_INFINITY (linux/resource.h). */
const NO_LIMIT = 0xffff_ffff_ffff_ffffn;

/** A limit as setrlimit(2) takes it. */
export function rlimitNumber(value: RlimitValue): number | bigint {
  return value === 'unlimited' ? NO_LIMIT : value;
}

/** PER_LINUX and PER_LINUX32 (linux/personality.h). */
export const PERSONALITY_NUMBERS = { linux: 0x0000, linux32: 0x0008 } as const;

/** SCHED_* (linux/sched.h). */
const POLICY_NUMBERS = { other: 0, fifo: 1, rr: 2, batch: 3, idle: 5, deadline: 6 } as const;
/** SCHED_FLAG_RESET_ON_FORK: without it a process under `deadline` cannot fork (sched(7)). */
const RESET_ON_FORK = 1;

/** Values of the step set-scheduler. */
export function encodeScheduler({ policy, nice, priority, runtimeNs, deadlineNs, periodNs }: SchedulerConfig) {
  return {
    policy: POLICY_NUMBERS[policy],
    flags: policy === 'deadline' ? RESET_ON_FORK : 0,
    nice: BigInt.asUintN(64, BigInt(nice ?? 0)),
    priority: priority ?? 0,
    runtimeNs: runtimeNs ?? 0,
    deadlineNs: deadlineNs ?? 0,
    periodNs: periodNs ?? 0,
  };
}

/** IOPRIO_CLASS_* and its place (linux/ioprio.h). */
const CLASS_NUMBERS = { realtime: 1, 'best-effort': 2, idle: 3 } as const;
const CLASS_FACTOR = 1 << 13;

/** As ioprio_set(2) packs class and level. */
export function encodeIoPriority({ class: name, level }: IoPriorityConfig): number {
  return CLASS_NUMBERS[name] * CLASS_FACTOR + level;
}

/** MPOL_* (linux/mempolicy.h). */
const MODE_NUMBERS = { default: 0, preferred: 1, bind: 2, interleave: 3, local: 4, 'preferred-many': 5 } as const;

/** Values of the step set-memory-policy: the nodes as a bit set, lowest byte first. */
export function encodeMemoryPolicy({ mode, nodes }: MemoryPolicyConfig) {
  const bits = new Uint8Array(nodes.length === 0 ? 0 : Math.floor(Math.max(...nodes) / 8) + 1);
  for (const node of nodes) bits[node >> 3] = (bits[node >> 3] ?? 0) | (1 << (node & 7));
  return { mode: MODE_NUMBERS[mode], nodes: bits };
}
