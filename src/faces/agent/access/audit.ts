import type { ErrorKind } from '../../../model/error.ts';

/** One line of the audit log: a call that may have changed something, or one that was refused. */
export interface AuditRecord {
  readonly time: string;
  /** As in the header `isopod-request-id` of the answer, and in the log of the agent. */
  readonly request: string;
  /** The caller; missing where nobody knows. */
  readonly who?: string;
  readonly door: string;
  /** Method and path of the route, or the type of an operator call. */
  readonly what: string;
  /** Uid where it is known, else what the caller named. */
  readonly on?: string;
  readonly outcome: 'done' | 'refused' | 'failed';
  /** Of the error. */
  readonly code?: string;
  readonly message?: string;
}

/** Told of each; never rejects, for a call is not undone by a full disk. */
export type AuditSink = (record: AuditRecord) => void;

const REFUSALS: ReadonlySet<ErrorKind> = new Set(['unauthenticated', 'permission-denied']);

/** Whether an error says: you may not. Somebody who names what is not his is told that it is not there. */
export function isRefusal({ kind, code }: { readonly kind: ErrorKind; readonly code: string }): boolean {
  return REFUSALS.has(kind) || code.startsWith('access.foreign');
}

/** What is named in an answer: the container that a launch made. */
export function uidIn(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { uid, status } = body as { readonly uid?: unknown; readonly status?: unknown };
  return typeof uid === 'string' ? uid : uidIn(status);
}
