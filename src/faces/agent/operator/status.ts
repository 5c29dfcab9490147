import { EngineError, type ErrorKind } from '../../../model/error.ts';
import { statusOfCode } from '../status.ts';

/** The table of mesos.md §3.1: whatever a launch refuses is a bad request, whatever fails afterwards is ours. */
const STATUS_BY_KIND: Readonly<Record<ErrorKind, number>> = {
  'invalid-argument': 400,
  unauthenticated: 401,
  'permission-denied': 403,
  'not-found': 404,
  'already-exists': 409,
  'failed-precondition': 500,
  cancelled: 500,
  internal: 500,
  'data-loss': 500,
  unimplemented: 501,
  unavailable: 503,
  'deadline-exceeded': 500,
  'resource-exhausted': 500,
};

/** An answer without a body of its own: a line of text that says why. */
export interface TextAnswer {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The status and text of an error. */
export function refusalOf(error: unknown): TextAnswer {
  if (!(error instanceof EngineError))
    return { status: 500, text: error instanceof Error ? error.message : String(error) };
  const { code, kind, message, remedy } = error;
  return {
    status: statusOfCode(code) ?? STATUS_BY_KIND[kind],
    text: remedy === undefined ? message : `${message}: ${remedy}`,
  };
}

/** Of an agent that cannot serve; what a launch itself finds unavailable, such as a registry, is not among them. */
const NOT_SERVING: ReadonlySet<string> = new Set(['operator.recovering', 'agent.recovering', 'agent.stopping']);

/** A launch that fails is a bad request, whatever was in its way, unless the agent cannot serve or the caller may not. */
export function launchRefusalOf(error: unknown): TextAnswer {
  const refusal = refusalOf(error);
  const isOfAgent = error instanceof EngineError && NOT_SERVING.has(error.code);
  return isOfAgent || refusal.status === 403 ? refusal : { ...refusal, status: 400 };
}
