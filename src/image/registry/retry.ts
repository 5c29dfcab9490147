import type { IncomingHttpHeaders } from 'node:http';
import type { Random } from '../../base/effects.ts';
import type { ImageLimits } from '../limits.ts';

export type RetryBounds = Pick<ImageLimits, 'requestAttempts' | 'retryDelayMs' | 'maxRetryDelayMs'>;

/** Whether a server says that another moment may be better (RFC 9110 §15.6, RFC 6585 §4). */
export function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 429 || [500, 502, 503, 504].includes(status);
}

/** Milliseconds that a server asks to wait by Retry-After; `undefined` when it does not. */
export function retryAfterMs(headers: IncomingHttpHeaders, nowMs: number): number | undefined {
  const text = headers['retry-after'];
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

/** Doubles with each failure, and differs by up to a half, so that many clients do not come back all at once. */
export function backOffMs(failures: number, bounds: RetryBounds, random: Random): number {
  const wholeMs = Math.min(bounds.retryDelayMs * 2 ** Math.max(0, failures - 1), bounds.maxRetryDelayMs);
  const share = (random.bytes(1)[0] ?? 0) / 255;
  return wholeMs * (0.5 + share / 2);
}
