import type { ReadinessStatus } from './container-status.ts';
import type { HealthState } from './health-decision.ts';

/** What callers are told of the readiness of a container. Pure. @returns `undefined`: nothing is asked */
export function readinessStatusOf(state: HealthState | undefined): ReadinessStatus | undefined {
  if (state === undefined) return undefined;
  const { status, failingStreak, probes } = state;
  return { isReady: status === 'healthy', failingStreak, probes };
}
