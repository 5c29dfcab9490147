import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Callers } from '../../base/callers.ts';
import type { MetricRegistry } from '../../base/metrics.ts';
import type { Tracer } from '../../base/tracing.ts';
import type { Engine } from '../../engine/facade.ts';
import { uidIn } from './access/audit.ts';
import { type Door, SOCKET_NAME } from './access/authenticate.ts';
import { Gate, type GateOptions } from './access/gate.ts';
import type { Visit } from './access/visit.ts';
import { Calls } from './calls.ts';
import { ApiMetrics } from './diagnostics/api-metrics.ts';
import { REQUEST_ID_HEADER, RequestNotes } from './diagnostics/request-note.ts';
import { Doors, type SocketPlace, STREAM_PROTOCOL, type TlsPlace } from './doors.ts';
import { agentErrors } from './errors.ts';
import type { OperatorApi, OperatorPorts } from './operator/api.ts';
import type { RequestJournal } from './request-journal.ts';
import { agentRoutes, type RoutePorts } from './routes.ts';
import { sendCut, sendJson, sendRefusal, sendStream, sendText } from './send.ts';
import { errorAnswer } from './status.ts';
import { connectMonitor, joinStreams } from './tunnel.ts';

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
  /** Gets the metrics of the face; that of the engine, for one answer to show both. */
  readonly metricRegistry: MetricRegistry;
  /** Requests with keys, for the agent that follows a killed one. */
  readonly journal: RequestJournal;
  /** Tells the log and the engine for which request something is done. */
  readonly callers: Callers;
  /** Records requests, where somebody wants to know. */
  readonly tracer?: Tracer | undefined;
}

/**
 * The agent's HTTP face. It may listen before there is an engine: until `serve` every request gets 503.
 *
 * Life: `listen` → `serve(engine)` → … → `close`.
 */
export class AgentServer {
  readonly #options: AgentServerOptions;
  readonly #doors: Doors;
  readonly #gate: Gate;
  readonly #calls: Calls;
  readonly #metrics: ApiMetrics;
  readonly #notes: RequestNotes;
  #active = 0;
  #idleSinceMs: number;

  constructor(options: AgentServerOptions) {
    this.#options = options;
    this.#idleSinceMs = options.clock.monotonicMs();
    this.#notes = new RequestNotes(options.clock.nowMs(), options.tracer);
    this.#metrics = new ApiMetrics(options.metricRegistry, () => this.#active);
    this.#gate = new Gate(options.access, options.clock, [options.probe]);
    this.#calls = new Calls({ ...options, gate: this.#gate, routes: agentRoutes(options) });
    this.#doors = new Doors({
      handle: (request, response, door) => {
        const visit = this.#begin(request, door);
        const served = options.callers.run(visit.note, () => this.#serve({ request, response, visit }));
        served.catch((error: unknown) => {
          options.log.warn({ err: error, url: request.url }, 'answer could not be sent');
          response.destroy();
        });
      },
      upgrade: (request, socket, head, door) => {
        const visit = this.#begin(request, door);
        const joined = options.callers.run(visit.note, () => this.#upgrade({ request, visit }, socket, head));
        joined.catch((error: unknown) => {
          options.log.warn({ err: error, url: request.url }, 'streams could not be joined');
          socket.destroy();
        });
      },
      warn: (error, door) => options.log.warn({ err: error, door }, 'a connection was not accepted'),
    });
  }

  /** Listens on a unix socket; of one at a path, the umask decides the mode, and the caller has removed a stale one. */
  listen(at: string | SocketPlace, door: Exclude<Door, 'tls'> = 'socket'): Promise<void> {
    return this.#doors.listenAt(typeof at === 'string' ? { path: at } : at, door);
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
    this.#calls.begin(engine);
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
    this.#calls.stop();
    this.#options.logging.close();
    const sleep = new AbortController();
    await Promise.race([closed, this.#options.clock.sleep(deadlineMs, sleep.signal).catch(() => {})]);
    sleep.abort();
    this.#doors.cut();
  }

  #begin(request: IncomingMessage, door: Door): Visit {
    return this.#gate.visit(request, door, this.#notes.begin(request));
  }

  async #serve({ request, response, visit }: Exchange): Promise<void> {
    this.#active += 1;
    const startedMs = this.#options.clock.monotonicMs();
    response.setHeader(REQUEST_ID_HEADER, visit.note.requestId);
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
    const { caller, note } = of.visit;
    const { route, call } = note;
    const who = caller === undefined || caller.name === SOCKET_NAME ? {} : { who: caller.name };
    const status = response.headersSent ? response.statusCode : 0;
    const fields = { ...who, method: request.method, url: request.url, route, call, status, ms };
    this.#options.log.info(fields, 'request');
    this.#metrics.answered({ method: request.method, route, status, ms });
    if (call !== undefined) this.#metrics.called(call, status);
    this.#notes.end(note, { method: request.method, status });
  }

  async #answer({ request, response, visit }: Exchange, gone: AbortController): Promise<void> {
    if (pathOf(request) === this.#options.operator.path) return this.#serveOperator({ request, response, visit }, gone);
    const answer = await this.#calls.answer(request, visit, gone);
    if (answer.kind === 'json') visit.on ??= uidIn(answer.body);
    if (answer.kind === 'json') sendJson(response, answer.status, answer.body);
    else if (answer.kind === 'text') sendText(response, { status: 200, type: answer.contentType, text: answer.text });
    else if (answer.kind === 'stream') await this.#calls.whileRunning(gone, () => sendStream(response, answer));
    else throw agentErrors.notUpgraded({ route: visit.what, protocol: STREAM_PROTOCOL });
  }

  /** A request for streams: it passes all that others pass, and its connection is joined with that of a monitor. */
  async #upgrade({ request, visit }: Omit<Exchange, 'response'>, client: Duplex, head: Buffer): Promise<void> {
    this.#active += 1;
    const gone = new AbortController();
    client.once('close', () => gone.abort(new Error('the client has gone')));
    client.on('error', () => {}); // it closes then
    try {
      await this.#gate.identify(visit, request);
      const answer = await this.#calls.answer(request, visit, gone);
      if (answer.kind !== 'tunnel') throw agentErrors.notAStream({ route: visit.what, protocol: STREAM_PROTOCOL });
      const monitor = await connectMonitor(answer.socketPath);
      const joined = { head, requestId: visit.note.requestId, signal: gone.signal };
      await this.#calls.whileRunning(gone, () => joinStreams(client, monitor, joined));
    } catch (error) {
      visit.error = error;
      const response = new ServerResponse(request);
      response.assignSocket(client as Socket);
      response.setHeader(REQUEST_ID_HEADER, visit.note.requestId);
      response.once('finish', () => client.end());
      this.#fail(request, response, error);
    } finally {
      this.#active -= 1;
      this.#idleSinceMs = this.#options.clock.monotonicMs();
      this.#gate.end(visit);
      this.#notes.end(visit.note, { method: request.method, status: statusOf(visit.error) });
    }
  }

  #serveOperator({ request, response, visit }: Exchange, end: AbortController): Promise<void> {
    visit.note.route = this.#options.operator.path;
    const ports: OperatorPorts = {
      note: visit.note,
      isReady: this.#calls.isReady,
      engineFor: ({ type, need }) => {
        this.#gate.admit(visit, { route: type, need, mutates: need.role !== 'read' });
        return this.#calls.engineFor(visit);
      },
      callerName: () => visit.caller?.name ?? '',
      failed: (error, on) => {
        visit.error = error;
        visit.on ??= on;
      },
      signal: end.signal,
    };
    return this.#calls.whileRunning(end, () => this.#options.operator.serve(request, response, ports));
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const { status, body } = errorAnswer(error);
    if (status >= 500) {
      this.#options.log.warn({ method: request.method, url: request.url, err: error }, 'request failed');
    }
    if (response.headersSent) {
      sendCut(response, body);
      return;
    }
    if (status === 401) response.setHeader('www-authenticate', 'Bearer realm="isopod"');
    const allowed = body.code === 'agent.wrongMethod' ? body.details.allowed : undefined;
    const headers = Array.isArray(allowed) ? { allow: allowed.join(', ') } : {};
    const [type, text] = ['application/json', JSON.stringify(body)];
    sendRefusal(request, response, { status, type, text, headers, clock: this.#options.clock });
  }
}

/** One request and what is known of it. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly visit: Visit;
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return new URL(url, 'http://agent').pathname;
}

/** Of a request that became a stream, or why it did not. */
function statusOf(error: unknown): number {
  return error === undefined ? SWITCHING_PROTOCOLS : errorAnswer(error).status;
}

const SWITCHING_PROTOCOLS = 101;
