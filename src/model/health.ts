import { defineErrors } from './error.ts';
import { type Check, checkOf, parseCheck, type RepeatedCheck } from './health-check.ts';

export const HEALTH_ACTIONS = ['none', 'kill', 'restart', 'stop'] as const;

/** What is done with a container that has become unhealthy, as of `podman run --health-on-failure`. */
export type HealthAction = (typeof HEALTH_ACTIONS)[number];

/** What a caller says of when a check is made; what is missing is as usual. */
export interface CheckTimes {
  readonly intervalMs?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly startPeriodMs?: number | undefined;
  readonly startIntervalMs?: number | undefined;
  readonly retries?: number | undefined;
}

/** What a caller says of the health of a container; what is missing is as its image says, or as usual. */
export interface HealthRequest extends CheckTimes {
  /** `none`: no check, whatever the image says. */
  readonly check?: 'none' | Check | undefined;
  readonly onFailure?: HealthAction | undefined;
}

/** What a caller says of when a container is ready; no image says anything of it. */
export interface ReadinessRequest extends CheckTimes {
  readonly check: Check;
}

/** What an image says (HEALTHCHECK); a time that is missing, or 0, is the usual one. */
export interface ImageHealth {
  readonly command: readonly string[];
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly startPeriodMs?: number;
  readonly startIntervalMs?: number;
  readonly retries?: number;
}

/** The check that is in force. */
export type HealthCheck = RepeatedCheck & { readonly onFailure: HealthAction };

/** As docker's. */
const USUAL = { intervalMs: 30_000, timeoutMs: 30_000, startPeriodMs: 0, startIntervalMs: 5_000, retries: 3 } as const;
/** More often would cost the host more than the container tells. */
const LEAST_INTERVAL_MS = 100;
const MOST = { ms: 24 * 3_600_000, retries: 1_000 } as const;

export const healthErrors = defineErrors('health', {
  badTime: {
    kind: 'invalid-argument',
    message: (d: { field: string; value: number; least: number; most: number }) =>
      `${d.field} of the health check is ${d.value}, and ${d.least} to ${d.most} can be`,
  },
  nothingToCheck: {
    kind: 'invalid-argument',
    message: (d: { field: string }) =>
      `${d.field} of a health check is given, and neither the caller nor the image says what to check`,
    remedy: () => 'say what to check: --health-cmd, --health-http or --health-tcp',
  },
});

/** @throws {EngineError} `health.*`, `health-check.*`, `text.*` (invalid-argument) */
export function parseHealthRequest(request: HealthRequest): HealthRequest {
  checkTimes(request);
  if (typeof request.check === 'object') parseCheck(request.check);
  return request;
}

/** @throws {EngineError} `health.*`, `health-check.*`, `text.*` (invalid-argument) */
export function parseReadinessRequest(request: ReadinessRequest): ReadinessRequest {
  checkTimes(request);
  parseCheck(request.check);
  return request;
}

function checkTimes(request: CheckTimes): void {
  const leasts = { intervalMs: LEAST_INTERVAL_MS, timeoutMs: 1, startPeriodMs: 0, startIntervalMs: LEAST_INTERVAL_MS };
  for (const [field, least] of Object.entries(leasts) as [keyof typeof leasts, number][]) {
    const value = request[field];
    if (value !== undefined) checkWithin(field, value, { least, most: MOST.ms });
  }
  if (request.retries !== undefined) checkWithin('retries', request.retries, { least: 1, most: MOST.retries });
}

function checkWithin(field: string, value: number, { least, most }: { readonly least: number; readonly most: number }) {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw healthErrors.badTime({ field, value, least, most });
  }
}

/**
 * What is checked, by the caller's word first. Pure.
 *
 * @returns `undefined`: nothing
 * @throws {EngineError} `health.nothingToCheck` (invalid-argument)
 */
export function healthCheckOf(
  request: HealthRequest | undefined,
  image: ImageHealth | undefined,
): HealthCheck | undefined {
  if (request?.check === 'none') return undefined;
  const check = request?.check ?? image;
  if (check === undefined) {
    const [field] = Object.entries(request ?? {}).find(([, value]) => value !== undefined) ?? [];
    if (field !== undefined) throw healthErrors.nothingToCheck({ field });
    return undefined;
  }
  return { ...checkOf(check), ...timesOf(request, image), onFailure: request?.onFailure ?? 'none' };
}

/** How it is asked whether a container is ready. Pure. @returns `undefined`: nothing is asked */
export function readinessCheckOf(request: ReadinessRequest | undefined): RepeatedCheck | undefined {
  return request === undefined ? undefined : { ...checkOf(request.check), ...timesOf(request, undefined) };
}

function timesOf(request: CheckTimes | undefined, image: ImageHealth | undefined) {
  // What an image asks for is none of the caller's, so it is brought within bounds.
  const time = (field: 'intervalMs' | 'timeoutMs' | 'startPeriodMs' | 'startIntervalMs', least: number): number =>
    request?.[field] ?? Math.min(Math.max(image?.[field] || USUAL[field], least), MOST.ms);
  return {
    intervalMs: time('intervalMs', LEAST_INTERVAL_MS),
    timeoutMs: time('timeoutMs', 1),
    startPeriodMs: time('startPeriodMs', 0),
    startIntervalMs: time('startIntervalMs', LEAST_INTERVAL_MS),
    retries: request?.retries ?? Math.min(Math.max(image?.retries || USUAL.retries, 1), MOST.retries),
  };
}
