import { defineErrors } from './error.ts';
import { checkText, MAX_ARGUMENT_BYTES } from './text-check.ts';

export const HEALTH_ACTIONS = ['none', 'kill', 'restart', 'stop'] as const;

/** What is done with a container that has become unhealthy, as of `podman run --health-on-failure`. */
export type HealthAction = (typeof HEALTH_ACTIONS)[number];

/** What a caller says of the health of a container; what is missing is as its image says, or as usual. */
export interface HealthRequest {
  /** Run in the container, with its very rights; well with exit code 0. `none`: no check, whatever the image says. */
  readonly check?: 'none' | { readonly command: readonly string[] } | undefined;
  readonly intervalMs?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly startPeriodMs?: number | undefined;
  readonly startIntervalMs?: number | undefined;
  readonly retries?: number | undefined;
  readonly onFailure?: HealthAction | undefined;
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
export interface HealthCheck {
  readonly command: readonly string[];
  /** Between the end of one probe and the next. */
  readonly intervalMs: number;
  /** A probe that takes longer is killed, and has failed. */
  readonly timeoutMs: number;
  /** So long after its start no failure counts, until one probe went well. */
  readonly startPeriodMs: number;
  /** Between probes of that time. */
  readonly startIntervalMs: number;
  /** Failures in a row that make it unhealthy. */
  readonly retries: number;
  readonly onFailure: HealthAction;
}

/** As docker's. */
const USUAL = { intervalMs: 30_000, timeoutMs: 30_000, startPeriodMs: 0, startIntervalMs: 5_000, retries: 3 } as const;
/** More often would cost the host more than the container tells. */
const LEAST_INTERVAL_MS = 100;
const MOST = { ms: 24 * 3_600_000, retries: 1_000, words: 1_000 } as const;

export const healthErrors = defineErrors('health', {
  badTime: {
    kind: 'invalid-argument',
    message: (d: { field: string; value: number; least: number; most: number }) =>
      `${d.field} of the health check is ${d.value}, and ${d.least} to ${d.most} can be`,
  },
  noCommand: {
    kind: 'invalid-argument',
    message: (d: { words: number }) => `a health check by a command of ${d.words} words cannot be run`,
    remedy: () => 'name a program, or no health check at all',
  },
  nothingToCheck: {
    kind: 'invalid-argument',
    message: (d: { field: string }) =>
      `${d.field} of a health check is given, and neither the caller nor the image says what to check`,
    remedy: () => 'give a command to check with: --health-cmd',
  },
});

/** @throws {EngineError} `health.*`, `text.*` (invalid-argument) */
export function parseHealthRequest(request: HealthRequest): HealthRequest {
  const { check, retries } = request;
  const leasts = { intervalMs: LEAST_INTERVAL_MS, timeoutMs: 1, startPeriodMs: 0, startIntervalMs: LEAST_INTERVAL_MS };
  for (const [field, least] of Object.entries(leasts) as [keyof typeof leasts, number][]) {
    const value = request[field];
    if (value !== undefined) checkWithin(field, value, { least, most: MOST.ms });
  }
  if (retries !== undefined) checkWithin('retries', retries, { least: 1, most: MOST.retries });
  if (typeof check === 'object') {
    const { length } = check.command;
    if (length === 0 || length > MOST.words || check.command[0] === '') throw healthErrors.noCommand({ words: length });
    for (const word of check.command) checkText('command of the health check', word, MAX_ARGUMENT_BYTES);
  }
  return request;
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
  const command = request?.check?.command ?? image?.command;
  if (command === undefined) {
    const [field] = Object.entries(request ?? {}).find(([, value]) => value !== undefined) ?? [];
    if (field !== undefined) throw healthErrors.nothingToCheck({ field });
    return undefined;
  }
  // What an image asks for is none of the caller's, so it is brought within bounds.
  const time = (field: 'intervalMs' | 'timeoutMs' | 'startPeriodMs' | 'startIntervalMs', least: number): number =>
    request?.[field] ?? Math.min(Math.max(image?.[field] || USUAL[field], least), MOST.ms);
  return {
    command,
    intervalMs: time('intervalMs', LEAST_INTERVAL_MS),
    timeoutMs: time('timeoutMs', 1),
    startPeriodMs: time('startPeriodMs', 0),
    startIntervalMs: time('startIntervalMs', LEAST_INTERVAL_MS),
    retries: request?.retries ?? Math.min(Math.max(image?.retries || USUAL.retries, 1), MOST.retries),
    onFailure: request?.onFailure ?? 'none',
  };
}
