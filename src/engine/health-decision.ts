import type { RepeatedCheck } from '../model/health-check.ts';

export type HealthWord = 'starting' | 'healthy' | 'unhealthy';

/** One probe, as it ended. */
export interface ProbeResult {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly ok: boolean;
  /** Of a command; `undefined` for one that was killed, or did not come to be. */
  readonly exitCode: number | undefined;
  /** Of a check by HTTP that was answered. */
  readonly httpStatus?: number;
  /** The beginning of what it printed or answered, or why there is nothing. */
  readonly output: string;
}

export interface HealthState {
  readonly status: HealthWord;
  /** Failures in a row that count. */
  readonly failingStreak: number;
  /** The last ones, oldest first. */
  readonly probes: readonly ProbeResult[];
}

export const STARTING: HealthState = { status: 'starting', failingStreak: 0, probes: [] };
/** As docker keeps them. */
export const MAX_KEPT_PROBES = 5;
/** A delay is longer by so much at most, so that the probes of many containers spread. */
const JITTER = 0.1;

/** What follows a probe. Pure. @param startedAtMs of the container */
export function nextHealth(
  check: RepeatedCheck,
  state: HealthState,
  { result, startedAtMs }: { readonly result: ProbeResult; readonly startedAtMs: number },
): HealthState {
  const probes = [...state.probes, result].slice(-MAX_KEPT_PROBES);
  if (result.ok) return { status: 'healthy', failingStreak: 0, probes };
  if (isStarting(check, state, { startedAtMs, atMs: result.startedAtMs })) return { ...state, probes };
  const failingStreak = state.failingStreak + 1;
  return { status: failingStreak >= check.retries ? 'unhealthy' : state.status, failingStreak, probes };
}

/** Milliseconds to the next probe. Pure. @param chance from 0 to 1 */
export function probeDelayMs(
  check: RepeatedCheck,
  state: HealthState,
  { startedAtMs, atMs, chance }: { readonly startedAtMs: number; readonly atMs: number; readonly chance: number },
): number {
  const isEarly = isStarting(check, state, { startedAtMs, atMs });
  const ms = isEarly ? Math.min(check.startIntervalMs, check.intervalMs) : check.intervalMs;
  return Math.round(ms * (1 + JITTER * chance));
}

function isStarting(
  { startPeriodMs }: RepeatedCheck,
  { status }: HealthState,
  { startedAtMs, atMs }: { readonly startedAtMs: number; readonly atMs: number },
): boolean {
  return status === 'starting' && atMs - startedAtMs < startPeriodMs;
}
