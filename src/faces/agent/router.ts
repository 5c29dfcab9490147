import { z } from 'zod';
import type { Engine } from '../../engine/facade.ts';
import type { Need } from './access/decide.ts';
import { agentErrors } from './errors.ts';
import type { BegunRequest } from './idempotency.ts';
import { parseBody, parseQuery } from './parse.ts';

/** What a handler works with; the engine is ready, query and body are as the route's schemas have them. */
export interface Call<Body = unknown, Query = unknown> {
  readonly engine: Engine;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
  /** Of a route with `upload`; nothing else. */
  readonly uploaded: AsyncIterable<Uint8Array>;
  /** Aborts when the client goes, the deadline passes or the agent stops. */
  readonly signal: AbortSignal;
  /** Of a request that may be repeated: by it the next agent finds what this one has done. */
  readonly requestKey?: string | undefined;
  /** An earlier agent has begun with this very request, and died before it answered: it may have carried it out. */
  readonly begun?: BegunRequest | undefined;
}

/** A call as it came: the body is parsed JSON, `undefined` when there was none. */
export type RawCall = Call<unknown, URLSearchParams>;

export type Answer =
  | { readonly kind: 'json'; readonly status: number; readonly body: unknown }
  | { readonly kind: 'text'; readonly contentType: string; readonly text: string }
  | { readonly kind: 'stream'; readonly contentType: string; readonly chunks: AsyncIterable<Uint8Array> }
  /** The connection is joined with that of a monitor, for a request that asks to be upgraded. */
  | { readonly kind: 'tunnel'; readonly socketPath: string };

/** What comes back when all is well: one JSON value, one a line, or frames of docs/protocol.md. */
export type AnswerShape =
  | { readonly kind: 'json' | 'lines'; readonly schema: z.ZodType }
  | { readonly kind: 'json or lines'; readonly schema: z.ZodType; readonly linesIf: string }
  | { readonly kind: 'text'; readonly contentType: string; readonly of: string }
  | { readonly kind: 'frames'; readonly of: string }
  /** A tar stream; one that breaks off is not whole. */
  | { readonly kind: 'archive'; readonly of: string }
  /** 101, and the protocol of a monitor from there on. */
  | { readonly kind: 'tunnel' };

/** What a route takes and gives, told once: requests are parsed by it, and the reference is generated from it. */
export interface RouteShape<Body, Query> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Segments that begin with a colon are parameters. */
  readonly path: string;
  /** Whose call it may be: without this nobody could say who is kept from what. */
  readonly needs: Need;
  /** A sentence for the reference. */
  readonly summary: string;
  /** What else a caller has to know. */
  readonly notes?: string;
  /** `none` for streams and long polls: those end with their client. */
  readonly deadlineMs: number | 'none';
  /** The answer can be given only once, so no key makes it repeatable. */
  readonly once?: true;
  /** A request with a key is not written down: the next agent knows it by what it has made, or it changes nothing. */
  readonly isUnwritten?: true;
  readonly query?: z.ZodType<Query>;
  /** The body is no JSON, but bytes of any length, which the handler reads as `uploaded`. It is read once, so `once` holds. */
  readonly upload?: { readonly contentType: string; readonly of: string };
  /** `where` names the body in errors: `the container`. */
  readonly body?: { readonly schema: z.ZodType<Body>; readonly where: string };
  /** 200 unless said. */
  readonly status?: 200 | 201;
  readonly answer: AnswerShape;
}

export interface Route extends RouteShape<unknown, unknown> {
  handle(call: RawCall): Promise<Answer>;
}

const NOTHING = z.strictObject({});

/**
 * A route whose handler gets what its schemas let through; a query or a body that no schema speaks of is refused.
 */
export function defineRoute<Body = unknown, Query = unknown>(
  shape: RouteShape<Body, Query> & { readonly handle: (call: Call<Body, Query>) => Promise<Answer> },
): Route {
  const { schema, where } = shape.body ?? { schema: NOTHING as unknown as z.ZodType<Body>, where: 'the body' };
  const querySchema = shape.query ?? (NOTHING as unknown as z.ZodType<Query>);
  return {
    ...shape,
    handle: async (call) =>
      shape.handle({
        ...call,
        query: parseQuery(querySchema, call.query),
        body: parseBody(schema, call.body, where),
      }),
  };
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
    const methods = methodsOf(route);
    if (methods.includes(method)) return { route, params };
    allowed.push(...methods);
  }
  if (allowed.length > 0) throw agentErrors.wrongMethod({ method, path, allowed });
  throw agentErrors.noRoute({ method, path });
}

/** The head of a text that is made at once is that text without its body; no other answer is begun for its head alone. */
function methodsOf({ method, answer }: Route): readonly string[] {
  return method === 'GET' && answer.kind === 'text' ? ['GET', 'HEAD'] : [method];
}

/** Answers with a JSON body, by default with 200. */
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
