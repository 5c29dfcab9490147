import { EngineError, type ErrorKind } from '../../model/error.ts';

/** The one table from error kind to HTTP status; the body says the kind itself, and the code that clients match on. */
const STATUS_BY_KIND: Readonly<Record<ErrorKind, number>> = {
  'invalid-argument': 400,
  unauthenticated: 401,
  'permission-denied': 403,
  'not-found': 404,
  'already-exists': 409,
  'failed-precondition': 412,
  cancelled: 499,
  internal: 500,
  'data-loss': 500,
  unimplemented: 501,
  unavailable: 503,
  'deadline-exceeded': 504,
  'resource-exhausted': 507,
};

/** Body of every answer that is an error. */
export interface ErrorBody {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly message: string;
  readonly remedy?: string;
  readonly details: EngineError['details'];
}

/** The table, for the reference. */
export function errorStatuses(): readonly (readonly [ErrorKind, number])[] {
  return Object.entries(STATUS_BY_KIND) as [ErrorKind, number][];
}

/** The HTTP status and body of an error; one that is not ours is `internal` and keeps its message. */
export function errorAnswer(error: unknown): { readonly status: number; readonly body: ErrorBody } {
  if (!(error instanceof EngineError)) {
    const message = error instanceof Error ? error.message : String(error);
    return { status: 500, body: { code: 'agent.internal', kind: 'internal', message, details: {} } };
  }
  const { code, kind, message, remedy, details } = error;
  const body = { code, kind, message, details, ...(remedy === undefined ? {} : { remedy }) };
  return { status: STATUS_BY_KIND[kind], body };
}
