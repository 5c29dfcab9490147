import type { IncomingMessage, ServerResponse } from 'node:http';
import { withDeadline } from '../../base/deadline.ts';
import type { Engine } from '../../engine/facade.ts';
import { uidIn } from './access/audit.ts';
import { type Door, SOCKET_NAME } from './access/authenticate.ts';
import { Gate, type GateOptions } from './access/gate.ts';
import type { Visit } from './access/visit.ts';
import { readBody } from './body.ts';
import { Doors, type TlsPlace } from './doors.ts';
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
  /** Who may do what, and who is told of it. */
  readonly access: GateOptions;
}

/** Header that names the root directory that a client wants, percent-encoded. */
const ROOT_HEADER = 'isopod-root';
/** Header that makes a retry of a mutating request get the first answer. */
const IDEMPOTENCY_HEADER = 'idempotency-key';
/** Header of every answer: what the logs name it by. */
const REQUEST_HEADER = 'isopod-request-id';

/**
 * The agent's HTTP face. It may listen before there is an engine: until `serve` every request gets 503.
 *
 * Life: `listen` → `serve(engine)` → … → `close`.
 */
export class AgentServer {
  readonly #options: AgentServerOptions;
  readonly #routes: readonly Route[];
  readonly #answers: IdempotentAnswers;
  readonly #doors: Doors;
  readonly #gate: Gate;
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
    this.#idleSinceMs = options.clock.monotonicMs();
    this.#gate = new Gate(options.access, options.clock, [options.probe]);
    this.#doors = new Doors({
      handle: (request, response, door) => {
        this.#serve(request, response, door).catch((error: unknown) => {
          options.log.warn({ err: error, url: request.url }, 'answer could not be sent');
          response.destroy();
        });
      },
      warn: (error, door) => options.log.warn({ err: error, door }, 'a connection was not accepted'),
    });
  }

  /** Listens on a unix socket, whose mode the umask decides. The caller has removed a stale one, under the lock. */
  listen(socketPath: string, door: Exclude<Door, 'tls'> = 'socket'): Promise<void> {
    return this.#doors.listenAt(socketPath, door);
  }

  /** Listens on TCP, for clients with a certificate. @returns the port */
  listenTls(place: TlsPlace): Promise<number> {
    return this.#doors.listenTls(this.#options.files, place);
  }

  /** Reads certificates again. @throws when they cannot be used; those before stay */
  reloadTls(): Promise<void> {
    return this.#doors.reloadTls(this.#options.files);
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
    const closed = this.#doors.stop();
    this.#stopping = true;
    for (const call of this.#running) call.abort(agentErrors.stopping());
    const sleep = new AbortController();
    await Promise.race([closed, this.#options.clock.sleep(deadlineMs, sleep.signal).catch(() => {})]);
    sleep.abort();
    this.#doors.cut();
  }

  async #serve(request: IncomingMessage, response: ServerResponse, door: Door): Promise<void> {
    this.#active += 1;
    const startedMs = this.#options.clock.monotonicMs();
    const visit = this.#gate.visit(request, door);
    response.setHeader(REQUEST_HEADER, visit.id);
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(new Error('the client has gone'));
    });
    try {
      await this.#gate.identify(visit, request);
      await this.#answer({ request, response, visit }, gone);
    } catch (error) {
      visit.error = error;
      this.#fail(request, response, error);
    } finally {
      this.#active -= 1;
      this.#idleSinceMs = this.#options.clock.monotonicMs();
      this.#gate.end(visit);
      this.#log(request, response, { visit, startedMs });
    }
  }

  #log(request: IncomingMessage, response: ServerResponse, of: { visit: Visit; startedMs: number }): void {
    const ms = Math.round((this.#idleSinceMs - of.startedMs) * 10) / 10;
    const { id, caller } = of.visit;
    const who = caller === undefined || caller.name === SOCKET_NAME ? {} : { who: caller.name };
    const fields = { request: id, ...who, method: request.method, url: request.url, status: response.statusCode, ms };
    this.#options.log.info(fields, 'request');
  }

  async #answer({ request, response, visit }: Exchange, gone: AbortController): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://agent');
    if (url.pathname === this.#options.operator.path) return this.#serveOperator({ request, response, visit }, gone);
    const match = findRoute(this.#routes, request.method ?? 'GET', url.pathname);
    const { route, params } = match;
    const mutates = route.method !== 'GET';
    this.#gate.admit(visit, { route: `${route.method} ${route.path}`, need: route.needs, mutates });
    visit.on = params.id ?? params.name;
    await this.#checkRoot(request.headers[ROOT_HEADER]);
    const body = await readBody(request, this.#options.clock);
    const engine = this.#engineFor(visit);
    const key = request.headers[IDEMPOTENCY_HEADER];
    const run = (end: AbortController): Promise<Answer> =>
      this.#handle(match, { engine, params, query: url.searchParams, body, signal: end.signal }, end);
    if (mutates && route.needs.of === 'container') visit.on = await uidOf(engine, params.id ?? '');
    // A request that may be repeated goes on when its client has gone: the repetition will want the answer.
    const answer =
      mutates && route.once !== true && typeof key === 'string' && key.length <= 128
        ? await this.#answers.answer(
            { key, of: visit.caller?.name ?? '', request: `${route.method} ${url.pathname}` },
            () => run(new AbortController()),
          )
        : await run(gone);
    if (answer.kind === 'json') visit.on ??= uidIn(answer.body);
    if (answer.kind === 'json') sendJson(response, answer.status, answer.body);
    else await this.#sendStream(response, answer, gone);
  }

  /** What the caller may use of the engine. @throws {EngineError} `agent.stopping`, `agent.recovering` */
  #engineFor({ caller }: Visit): Engine {
    const engine = this.#engine;
    if (this.#stopping) throw agentErrors.stopping();
    if (engine === undefined || caller === undefined) throw agentErrors.recovering();
    return this.#gate.engineFor(caller, engine);
  }

  async #serveOperator({ request, response, visit }: Exchange, end: AbortController): Promise<void> {
    this.#running.add(end);
    try {
      await this.#options.operator.serve(request, response, {
        isReady: !this.#stopping && this.#engine !== undefined,
        engineFor: ({ type, role, mutates }) => {
          this.#gate.admit(visit, { route: type, need: { role, of: 'containers' }, mutates });
          return this.#engineFor(visit);
        },
        failed: (error, on) => {
          visit.error = error;
          visit.on ??= on;
        },
        signal: end.signal,
      });
    } finally {
      this.#running.delete(end);
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
    if (status === 401) response.setHeader('www-authenticate', 'Bearer realm="isopod"');
    // An unread body (too large, or late) would be taken for the next request.
    if (!request.complete) response.setHeader('connection', 'close');
    sendJson(response, status, body);
  }
}

/** One request and what is known of it. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly visit: Visit;
}

/** For the audit log: a name says little once its container is gone. */
async function uidOf(engine: Engine, id: string): Promise<string> {
  return (await engine.check(id).catch(() => undefined))?.uid ?? id;
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': text.length });
  response.end(text);
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
