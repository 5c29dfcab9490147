/** A profile in Docker's JSON format, checked; what `select.ts` makes a filter's rules of. */
export interface SeccompProfile {
  readonly defaultAction: number;
  /** The machine's own architecture, and those that it runs besides. */
  readonly archMap?: readonly { readonly architecture: string; readonly subArchitectures: readonly string[] }[];
  readonly architectures?: readonly string[];
  /** Bits of seccomp(2); absent when the profile does not speak of them. */
  readonly flags?: number;
  readonly rules: readonly ProfileRule[];
}

export interface ProfileRule {
  readonly names: readonly string[];
  /** The 32 bits that the filter returns. */
  readonly action: number;
  /** All must hold; two of one argument are alternatives. */
  readonly tests: readonly ArgumentTest[];
  readonly includes: RuleCondition;
  readonly excludes: RuleCondition;
}

export interface RuleCondition {
  /** Names without `CAP_`; all must be held for `includes`, any one is enough for `excludes`. */
  readonly capabilities: readonly string[];
  /** Go's names of machines. */
  readonly machines: readonly string[];
  readonly minKernel?: KernelVersion;
}

export interface KernelVersion {
  readonly major: number;
  readonly minor: number;
}

export const OPERATORS = {
  SCMP_CMP_NE: 'ne',
  SCMP_CMP_LT: 'lt',
  SCMP_CMP_LE: 'le',
  SCMP_CMP_EQ: 'eq',
  SCMP_CMP_GE: 'ge',
  SCMP_CMP_GT: 'gt',
  SCMP_CMP_MASKED_EQ: 'masked-eq',
} as const;

export type Operator = (typeof OPERATORS)[keyof typeof OPERATORS];

/** One argument held against a value, unsigned 64 bits. */
export interface ArgumentTest {
  /** 0 to 5. */
  readonly index: number;
  readonly operator: Operator;
  readonly value: bigint;
  /** For `masked-eq`: (argument & mask) == value. */
  readonly mask?: bigint;
}

/** Actions as a filter returns them (linux/seccomp.h); the low 16 bits of ERRNO and TRACE are data. */
export const ACTION = {
  killProcess: 0x8000_0000,
  killThread: 0x0000_0000,
  trap: 0x0003_0000,
  errno: 0x0005_0000,
  trace: 0x7ff0_0000,
  log: 0x7ffc_0000,
  allow: 0x7fff_0000,
} as const;

export const ACTION_MASK = 0xffff_0000;
export const EPERM = 1;
export const ENOSYS = 38;

/** The return value that makes a call fail with this errno. */
export function errnoAction(errno: number): number {
  return ACTION.errno | errno;
}

/** Bits of SECCOMP_SET_MODE_FILTER (linux/seccomp.h). */
export const FILTER_FLAG = { tsync: 1, log: 2, specAllow: 4 } as const;
