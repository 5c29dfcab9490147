import type { Engine } from '../../engine/facade.ts';
import { agentErrors } from './errors.ts';

/** What a handler works with; the engine is ready and the body is parsed JSON (`undefined` when there was none). */
export interface Call {
  readonly engine: Engine;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: unknown;
  /** Aborts when the client goes, the deadline passes or the agent stops. */
  readonly signal: AbortSignal;
}

export type Answer =
  | { readonly kind: 'json'; readonly status: number; readonly body: unknown }
  | { readonly kind: 'stream'; readonly contentType: string; readonly chunks: AsyncIterable<Uint8Array> };

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Segments that begin with a colon are parameters. */
  readonly path: string;
  /** `none` for streams and long polls: those end with their client. */
  readonly deadlineMs: number | 'none';
  /** The answer can be given only once, so no key makes it repeatable. */
  readonly once?: true;
  handle(call: Call): Promise<Answer>;
}

export interface Match {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

/** @throws {EngineError} `agent.noRoute`, `agent.wrongMethod`, `agent.badField` for a broken percent escape */
export function findRoute(routes: readonly Route[], method: string, path: string): Match {
  const segments = path.split('/').map(decodeSegment);
  const allowed: string[] = [];
  for (const route of routes) {
    const params = matchPath(route.path, segments);
    if (params === undefined) continue;
    if (route.method === method) return { route, params };
    allowed.push(route.method);
  }
  if (allowed.length > 0) throw agentErrors.wrongMethod({ method, path, allowed });
  throw agentErrors.noRoute({ method, path });
}

/** Answers with a JSON body and 200. */
export function json(body: unknown, status = 200): Answer {
  return { kind: 'json', status, body };
}

/** @throws {EngineError} `agent.badField` */
export function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw agentErrors.badField({ field: 'path', reason: `${JSON.stringify(segment)} is not percent-encoded UTF-8` });
  }
}

function matchPath(pattern: string, segments: readonly string[]): Record<string, string> | undefined {
  const wanted = pattern.split('/');
  if (wanted.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, want] of wanted.entries()) {
    const segment = segments[index] ?? '';
    if (want.startsWith(':') && segment !== '') params[want.slice(1)] = segment;
    else if (want !== segment) return undefined;
  }
  return params;
}
