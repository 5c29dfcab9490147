import { defineErrors } from './error.ts';
import { isSignal } from './signal.ts';

/** How a container is asked to end, where whoever stops it says nothing. */
export interface StopRequest {
  /** Sent first; missing: as its image says, else SIGTERM. */
  readonly stopSignal?: number | undefined;
  /** After which all of it is killed. */
  readonly stopGraceMs?: number | undefined;
}

/** Of docker, too. */
const DEFAULT_GRACE_MS = 10_000;
/** Nobody waits longer for an end. */
export const MAX_GRACE_MS = 24 * 3_600_000;

const stopRequestErrors = defineErrors('stop-request', {
  badSignal: {
    kind: 'invalid-argument',
    message: (d: { signal: number }) => `${d.signal} is no signal of Linux, which has 1 to 64`,
  },
  badGrace: {
    kind: 'invalid-argument',
    message: (d: { graceMs: number; most: number }) =>
      `${d.graceMs} is no whole number of milliseconds from 0 to ${d.most}, which is a day`,
  },
});

/** @throws {EngineError} `stop-request.*` (invalid-argument) */
export function checkStopRequest({ stopSignal, stopGraceMs }: StopRequest): void {
  if (stopSignal !== undefined && !isSignal(stopSignal)) throw stopRequestErrors.badSignal({ signal: stopSignal });
  if (stopGraceMs !== undefined && !isGrace(stopGraceMs)) {
    throw stopRequestErrors.badGrace({ graceMs: stopGraceMs, most: MAX_GRACE_MS });
  }
}

/** How long a container may take to end by itself; 0: no time, and no signal but SIGKILL. */
export function graceMsOf({ stopGraceMs }: StopRequest): number {
  return stopGraceMs ?? DEFAULT_GRACE_MS;
}

function isGrace(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 0 && ms <= MAX_GRACE_MS;
}
