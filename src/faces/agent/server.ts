import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Callers } from '../../base/callers.ts';
import { withDeadline } from '../../base/deadline.ts';
import type { MetricRegistry } from '../../base/metrics.ts';
import type { Tracer } from '../../base/tracing.ts';
import type { Engine } from '../../engine/facade.ts';
import { readBody } from './body.ts';
import { ApiMetrics } from './diagnostics/api-metrics.ts';
import { REQUEST_ID_HEADER, type RequestNote, RequestNotes } from './diagnostics/request-note.ts';
import { agentErrors } from './errors.ts';
import { IdempotentAnswers } from './idempotency.ts';
import type { OperatorApi } from './operator/api.ts';
import { type Answer, decodeSegment, findRoute, type Match, type RawCall, type Route } from './router.ts';
import { agentRoutes, type RoutePorts } from './routes.ts';
import { errorAnswer } from './status.ts';

/** The part of a logger that the server uses. */
export interface AgentLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface AgentServerOptions extends RoutePorts {
  readonly log: AgentLog;
  /** What answers at a path of its own, in its own way. */
  readonly operator: OperatorApi;
  /** Gets the metrics of the face; that of the engine, for one answer to show both. */
  readonly metricRegistry: MetricRegistry;
  /** Tells the log and the engine for which request something is done. */
  readonly callers: Callers;
  /** Records requests, where somebody wants to know. */
  readonly tracer?: Tracer | undefined;
}

/** What goes with a request on its way to an answer. */
interface Exchange {
  /** Aborts when the client goes. */
  readonly gone: AbortController;
  readonly note: RequestNote;
}

const HEADERS_TIMEOUT_MS = 5_000;
const MAX_HEADER_BYTES = 16 * 1024;
/** Header that names the root directory that a client wants, percent-encoded. */
const ROOT_HEADER = 'isopod-root';
/** Header that makes a retry of a mutating request get the first answer. */
const IDEMPOTENCY_HEADER = 'idempotency-key';

/**
 * The agent's HTTP face. It may listen before there is an engine: until `serve` every request gets 503.
 *
 * Life: `listen` → `serve(engine)` → … → `close`.
 */
export class AgentServer {
  readonly #options: AgentServerOptions;
  readonly #routes: readonly Route[];
  readonly #answers: IdempotentAnswers;
  readonly #http: Server;
  readonly #metrics: ApiMetrics;
  readonly #notes: RequestNotes;
  /** What ends the calls under way. */
  readonly #running = new Set<AbortController>();
  #stopping = false;
  #engine: Engine | undefined;
  #active = 0;
  #idleSinceMs: number;

  constructor(options: AgentServerOptions) {
    this.#options = options;
    this.#routes = agentRoutes(options);
    this.#answers = new IdempotentAnswers(options.clock);
    this.#metrics = new ApiMetrics(options.metricRegistry, () => this.#active);
    this.#notes = new RequestNotes(options.clock.nowMs(), options.tracer);
    this.#idleSinceMs = options.clock.monotonicMs();
    this.#http = createServer(
      { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: 0, maxHeaderSize: MAX_HEADER_BYTES },
      (request, response) => {
        const note = this.#notes.begin(request);
        response.setHeader(REQUEST_ID_HEADER, note.requestId);
        const served = options.callers.run(note, () => this.#serve(request, response, note));
        served.catch((error: unknown) => {
          options.log.warn({ err: error, url: request.url }, 'answer could not be sent');
          response.destroy();
        });
      },
    );
  }

  /** Listens on a unix socket, whose mode the umask decides. The caller has removed a stale one, under the lock. */
  listen(socketPath: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#http.once('error', reject);
      this.#http.listen({ path: socketPath }, () => {
        this.#http.off('error', reject);
        // No descriptor for a connection, say: that one is lost, and the agent goes on.
        this.#http.on('error', (error) => this.#options.log.warn({ err: error }, 'a connection was not accepted'));
        resolve();
      });
    });
  }

  /** Recovery is done: requests are answered from now on. */
  serve(engine: Engine): void {
    this.#engine = engine;
    this.#idleSinceMs = this.#options.clock.monotonicMs();
  }

  /** Milliseconds since the last request ended; 0 while one is served. */
  get idleMs(): number {
    return this.#active > 0 ? 0 : this.#options.clock.monotonicMs() - this.#idleSinceMs;
  }

  /**
   * Stops listening, ends streams and long polls, lets what else runs finish.
   *
   * @param deadlineMs after which connections are cut
   */
  async close(deadlineMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    this.#stopping = true;
    this.#options.logging.close();
    for (const call of this.#running) call.abort(agentErrors.stopping());
    this.#http.closeIdleConnections();
    const sleep = new AbortController();
    await Promise.race([closed, this.#options.clock.sleep(deadlineMs, sleep.signal).catch(() => {})]);
    sleep.abort();
    this.#http.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse, note: RequestNote): Promise<void> {
    this.#active += 1;
    const startedMs = this.#options.clock.monotonicMs();
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(new Error('the client has gone'));
    });
    try {
      await this.#answer(request, response, { gone, note });
    } catch (error) {
      this.#fail(request, response, error);
    } finally {
      this.#active -= 1;
      this.#idleSinceMs = this.#options.clock.monotonicMs();
      const ms = Math.round((this.#idleSinceMs - startedMs) * 10) / 10;
      const status = response.headersSent ? response.statusCode : 0;
      const { route, call } = note;
      this.#options.log.info({ method: request.method, url: request.url, route, call, status, ms }, 'request');
      this.#metrics.answered({ method: request.method, route, status, ms });
      if (call !== undefined) this.#metrics.called(call, status);
      this.#notes.end(note, { method: request.method, status });
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, { gone, note }: Exchange): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://agent');
    if (url.pathname === this.#options.operator.path) return this.#serveOperator(request, response, { gone, note });
    const match = findRoute(this.#routes, request.method ?? 'GET', url.pathname);
    note.route = match.route.path;
    if (match.route.path.startsWith('/v1/containers/:id')) note.container = match.params.id;
    await this.#checkRoot(request.headers[ROOT_HEADER]);
    const body = await readBody(request, this.#options.clock);
    const engine = this.#engine;
    if (this.#stopping) throw agentErrors.stopping();
    if (engine === undefined) throw agentErrors.recovering();
    const key = request.headers[IDEMPOTENCY_HEADER];
    const repeatable = match.route.method !== 'GET' && match.route.once !== true;
    const run = (end: AbortController): Promise<Answer> =>
      this.#handle(match, { engine, params: match.params, query: url.searchParams, body, signal: end.signal }, end);
    // A request that may be repeated goes on when its client has gone: the repetition will want the answer.
    const answer =
      repeatable && typeof key === 'string' && key.length <= 128
        ? await this.#answers.answer(key, `${match.route.method} ${url.pathname}`, () => run(new AbortController()))
        : await run(gone);
    if (answer.kind === 'json') sendJson(response, answer.status, answer.body);
    else if (answer.kind === 'text') sendBytes(response, { status: 200, type: answer.contentType, text: answer.text });
    else await this.#sendStream(response, answer, gone);
  }

  async #serveOperator(request: IncomingMessage, response: ServerResponse, { gone, note }: Exchange): Promise<void> {
    note.route = this.#options.operator.path;
    this.#running.add(gone);
    try {
      const engine = this.#stopping ? undefined : this.#engine;
      await this.#options.operator.serve(request, response, { engine, signal: gone.signal, note });
    } finally {
      this.#running.delete(gone);
    }
  }

  /** A client that asks for another root directory must not be given the containers of ours. */
  async #checkRoot(header: string | readonly string[] | undefined): Promise<void> {
    if (typeof header !== 'string') return;
    const { rootDir, stateDir, pid } = this.#options.version;
    const wanted = decodeSegment(header);
    if (wanted === rootDir) return;
    const [ours, theirs] = await Promise.all([rootDir, wanted].map((path) => this.#realPath(path)));
    if (ours !== theirs) throw agentErrors.otherRoot({ stateDir, rootDir, wanted, pid });
  }

  /** @returns the path itself when nothing is there */
  #realPath(path: string): Promise<string> {
    return this.#options.files.realPath(path).catch(() => path);
  }

  /** @param end ends the call: aborted by its client's leaving, by the deadline, and when the agent stops */
  async #handle({ route }: Match, call: RawCall, end: AbortController): Promise<Answer> {
    this.#running.add(end);
    try {
      const work = route.handle(call);
      if (route.deadlineMs === 'none') return await work;
      const { deadlineMs } = route;
      const expired = (): Error => {
        const error = agentErrors.deadline({ route: `${route.method} ${route.path}`, deadlineMs });
        end.abort(error);
        return error;
      };
      return await withDeadline(this.#options.clock, work, { ms: deadlineMs, expired });
    } finally {
      this.#running.delete(end);
    }
  }

  async #sendStream(
    response: ServerResponse,
    answer: Extract<Answer, { kind: 'stream' }>,
    end: AbortController,
  ): Promise<void> {
    this.#running.add(end);
    try {
      if (this.#stopping) end.abort(agentErrors.stopping());
      await sendStream(response, answer);
    } finally {
      this.#running.delete(end);
    }
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const { status, body } = errorAnswer(error);
    if (status >= 500) {
      this.#options.log.warn({ method: request.method, url: request.url, err: error }, 'request failed');
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    // An unread body (too large, or late) would be taken for the next request.
    if (!request.complete) response.setHeader('connection', 'close');
    sendJson(response, status, body);
  }
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  sendBytes(response, { status, type: 'application/json', text: JSON.stringify(body) });
}

function sendBytes(
  response: ServerResponse,
  { status, type, text }: { readonly status: number; readonly type: string; readonly text: string },
): void {
  const bytes = Buffer.from(text);
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length });
  response.end(bytes);
}

async function sendStream(response: ServerResponse, answer: Extract<Answer, { kind: 'stream' }>): Promise<void> {
  response.writeHead(200, { 'content-type': answer.contentType });
  response.flushHeaders();
  for await (const chunk of answer.chunks) {
    if (response.destroyed) return;
    if (!response.write(chunk)) await drained(response);
  }
  response.end();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      response.off('close', over);
      response.off('drain', over);
      resolve();
    };
    response.once('close', over);
    response.once('drain', over);
    if (response.destroyed) over();
  });
}
