import { createHash } from 'node:crypto';

/** A request that comes later with the same key is another one. */
export const REPEATED_WITHIN_MS = 5 * 60_000;
const ID_DIGITS = 24;

/**
 * Stands on disk with what a request has done: the same request that comes to the engine after a killed one is known by it.
 * See docs/adr/0140.
 */
export interface RequestMark {
  /** Drawn from the key of the request; 24 hex digits. */
  readonly id: string;
  readonly atMs: number;
}

/** @returns `undefined` for a request without a key, of which there is no repetition. Pure. */
export function markOf(key: string | undefined, atMs: number): RequestMark | undefined {
  if (key === undefined) return undefined;
  return { id: createHash('sha256').update(key).digest('hex').slice(0, ID_DIGITS), atMs };
}

/** Whether what is marked was done moments ago for the very request with this key. Pure. */
export function isMarkOf(mark: RequestMark | undefined, key: string | undefined, nowMs: number): boolean {
  return mark !== undefined && mark.id === markOf(key, nowMs)?.id && nowMs - mark.atMs < REPEATED_WITHIN_MS;
}

/** For the check of a record that may have one. Pure. */
export function isMarkOrAbsent(value: unknown): boolean {
  if (value === undefined) return true;
  const { id, atMs } = (value ?? {}) as Partial<RequestMark>;
  return typeof id === 'string' && /^[0-9a-f]{24}$/.test(id) && typeof atMs === 'number' && Number.isFinite(atMs);
}
