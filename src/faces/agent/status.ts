import { EngineError, type ErrorKind } from '../../model/error.ts';

/** The table from error kind to HTTP status; the body says the kind itself, and the code that clients match on. */
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

/** What is wrong with a request as HTTP has it, whichever face it is for: its own statuses say that better than those of the kinds. */
const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  'agent.wrongMethod': 405,
  'agent.bodyLate': 408,
  'agent.bodyTooLarge': 413,
};

/** The status that HTTP itself has for an error of this code, if it has one. */
export function statusOfCode(code: string): number | undefined {
  return Object.hasOwn(STATUS_BY_CODE, code) ? STATUS_BY_CODE[code] : undefined;
}

/** Body of every answer that is an error. */
export interface ErrorBody {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly message: string;
  readonly remedy?: string;
  readonly details: EngineError['details'];
}

/** The tables, for the reference: by kind, and by the codes that have a status of their own. */
export function errorStatuses(): {
  readonly byKind: readonly (readonly [string, number])[];
  readonly byCode: readonly (readonly [string, number])[];
} {
  return { byKind: Object.entries(STATUS_BY_KIND), byCode: Object.entries(STATUS_BY_CODE) };
}

/** The HTTP status and body of an error; one that is not ours is `internal` and keeps its message. */
export function errorAnswer(error: unknown): { readonly status: number; readonly body: ErrorBody } {
  if (!(error instanceof EngineError)) {
    const message = error instanceof Error ? error.message : String(error);
    return { status: 500, body: { code: 'agent.internal', kind: 'internal', message, details: {} } };
  }
  const { code, kind, message, remedy, details } = error;
  const body = { code, kind, message, details, ...(remedy === undefined ? {} : { remedy }) };
  return { status: statusOfCode(code) ?? STATUS_BY_KIND[kind], body };
}
