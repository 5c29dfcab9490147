import { createHash } from 'node:crypto';

/** A request that comes later with the same key is another one. */
export const REPEATED_WITHIN_MS = 5 * 60_000;
const ID_DIGITS = 24;
/** As many as may be repeated beside each other; an older one is another request then. */
const MOST_MARKS = 8;

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

/** The place of the mark of the very request with this key among those of moments ago, -1 for none. Pure. */
export function findMark(marks: readonly RequestMark[], key: string | undefined, nowMs: number): number {
  const id = markOf(key, nowMs)?.id;
  return marks.findIndex((mark) => mark.id === id && nowMs - mark.atMs < REPEATED_WITHIN_MS);
}

/** The last marks, the newest at the end. Pure. */
export function withMark(marks: readonly RequestMark[], mark: RequestMark | undefined): readonly RequestMark[] {
  if (mark === undefined) return marks;
  const others = marks.filter(({ id, atMs }) => id !== mark.id && mark.atMs - atMs < REPEATED_WITHIN_MS);
  return [...others, mark].slice(-MOST_MARKS);
}

/** For the check of a record that may have one. Pure. */
export function isMarkOrAbsent(value: unknown): boolean {
  return value === undefined || isMark(value);
}

/** Pure. */
export function areMarksOrAbsent(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.every(isMark));
}

function isMark(value: unknown): boolean {
  const { id, atMs } = (value ?? {}) as Partial<RequestMark>;
  return typeof id === 'string' && /^[0-9a-f]{24}$/.test(id) && typeof atMs === 'number' && Number.isFinite(atMs);
}
