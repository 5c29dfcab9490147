import { type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http';
import type { Socket } from 'node:net';
import { EngineError, ERROR_KINDS, type ErrorKind, systemErrorCode } from '../../model/error.ts';
import { cliErrors } from './errors.ts';
import type { RemoteAgent } from './remote-agent.ts';

export interface AgentClientOptions {
  readonly target: RemoteAgent;
  /** Absolute; an agent that serves another one refuses us. `undefined`: whatever it serves. */
  readonly rootDir: string | undefined;
  readonly token: string | undefined;
  /** Starts an agent and returns once it listens; `undefined` when none may be started. */
  readonly startAgent: (() => Promise<void>) | undefined;
  /** A fresh key for each mutating request. */
  readonly newKey: () => string;
}

/** How long a command goes on trying while an agent starts, recovers or stops. */
const RETRY_MS = 60_000;
/** The same for another host's agent, whose refusal of our certificate may look like a connection that was cut. */
const REMOTE_RETRY_MS = 3_000;
const RETRY_PAUSE_MS = 10;
/** Nobody listens: another agent has to be started. */
const ABSENT = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTDIR']);
/** The connection ended before any byte of an answer: the request may be sent again with its key. */
const CUT = new Set(['ECONNRESET', 'EPIPE']);
/** Percent-encoded JSON, at the end of a stream that failed (docs/agent-api.md). */
const ERROR_TRAILER = 'isopod-error';
/** Answers that say: in a moment. */
const TRY_AGAIN = new Set(['agent.recovering', 'agent.stopping', 'engine.closed']);

/** The socket is for its owner. */
const FORBIDDEN = new Set(['EACCES', 'EPERM']);
/** What the agent takes (faces/agent/body.ts). */
const MAX_BODY_BYTES = 1 << 20;

interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** Of a stream that breaks off the agent says why, in a trailer. */
  readonly wantsTrailer?: boolean;
}

/** Requests to the agent over its socket; starts one when none is there. */
export class AgentClient {
  readonly #options: AgentClientOptions;

  constructor(options: AgentClientOptions) {
    this.#options = options;
  }

  /** @returns the JSON of the answer. @throws {EngineError} what the agent says, `cli.agentGone`, `cli.agentBroken` */
  async call<Value>(method: Request['method'], path: string, body?: unknown): Promise<Value> {
    const response = await this.#send({ method, path, body });
    return parseJson(await readAll(response)) as Value;
  }

  /** A long answer as its bytes arrive. @throws as `call` */
  async stream(method: Request['method'], path: string, body?: unknown): Promise<AsyncIterable<Buffer>> {
    return this.#send({ method, path, body });
  }

  /**
   * A long answer that is worth nothing without its end.
   *
   * @throws as `call`; while it is read {@link EngineError} where the agent says why it breaks off, else a system error
   */
  async archive(method: Request['method'], path: string, body?: unknown): Promise<AsyncIterable<Buffer>> {
    return toldToItsEnd(await this.#send({ method, path, body, wantsTrailer: true }));
  }

  /** Sends bytes of any length, once. @returns the JSON of the answer. @throws as `call`; what the source throws */
  async upload<Value>(path: string, contentType: string, source: AsyncIterable<Uint8Array>): Promise<Value> {
    const { sendUpload } = await import('./upload.ts');
    // What was sent cannot be sent again, so an agent that has to be started is started by a question that can.
    if (this.#options.startAgent !== undefined) await this.call('GET', '/v1/version');
    const { target, rootDir, token } = this.#options;
    const headers = { ...identityHeaders({ rootDir, token }), 'content-type': contentType };
    const response = await sendUpload(await open(target, { method: 'PUT', path, headers, agent: false }), source);
    if ((response.statusCode ?? 500) < 400) return parseJson(await readAll(response)) as Value;
    throw await refusalOf(response);
  }

  /** A long answer of one JSON value a line; a last line `{"error": …}` is thrown. @throws as `call` */
  async *lines(method: Request['method'], path: string, body?: unknown): AsyncIterable<unknown> {
    let rest = '';
    const response = await this.#send({ method, path, body });
    response.setEncoding('utf8');
    for await (const chunk of response) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const value = parseJson(line);
        if (isRecord(value) && isRecord(value.error)) throw errorOf(value.error);
        yield value;
      }
    }
  }

  /**
   * A connection to a monitor: its socket, or where that lets us not in or is another host's, through the agent.
   *
   * @throws {EngineError} what the agent says, `cli.attachRefused`
   */
  async streams(socketPath: string): Promise<Socket> {
    const { connectSocket, openTunnel } = await import('./stream-connection.ts');
    if (this.#options.startAgent !== undefined) {
      const socket = await connectSocket(socketPath);
      if (socket !== 'not allowed') return socket;
    }
    const id = socketPath.slice(socketPath.lastIndexOf('/') + 1);
    return openTunnel(await open(this.#options.target, this.#streamRequest(id)), refusalOf);
  }

  #streamRequest(id: string): RequestOptions {
    const { token } = this.#options;
    const headers = {
      ...{ connection: 'Upgrade', upgrade: 'isopod-frames' },
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    return { method: 'GET', path: `/v1/streams/${encodeURIComponent(id)}`, headers, agent: false };
  }

  /** @returns a response whose status is below 400 */
  async #send(wanted: Request): Promise<IncomingMessage> {
    const key = wanted.method === 'GET' ? undefined : this.#options.newKey();
    const retryMs = this.#options.target.kind === 'tcp' ? REMOTE_RETRY_MS : RETRY_MS;
    const deadline = performance.now() + retryMs;
    for (;;) {
      try {
        const response = await exchange(this.#options, wanted, key);
        if ((response.statusCode ?? 500) < 400) return response;
        throw errorOf(parseJson(await readAll(response)));
      } catch (error) {
        await this.#prepareRetry(error, deadline);
      }
    }
  }

  /** Returns when the request may be sent again. @throws the error itself when it may not */
  async #prepareRetry(error: unknown, deadline: number): Promise<void> {
    const { target, startAgent } = this.#options;
    const place = target.kind === 'unix' ? target.socketPath : `${target.host}:${target.port}`;
    if (error instanceof EngineError) {
      if (!TRY_AGAIN.has(error.code) || performance.now() > deadline) throw error;
    } else {
      const code = systemErrorCode(error) ?? String(error);
      if (FORBIDDEN.has(code)) throw cliErrors.notAllowed({ place, uid: process.getuid?.() ?? 0 }, error);
      const late = performance.now() > deadline;
      if (late || (!ABSENT.has(code) && !CUT.has(code)) || (ABSENT.has(code) && startAgent === undefined)) {
        throw cliErrors.agentGone({ place, reason: code }, error);
      }
      if (ABSENT.has(code)) await startAgent?.();
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
  }
}

async function* toldToItsEnd(response: IncomingMessage): AsyncGenerator<Buffer> {
  yield* response;
  const told = response.trailers[ERROR_TRAILER];
  if (told !== undefined) throw errorOf(parseJson(decodeURIComponent(told)));
}

async function refusalOf(response: IncomingMessage): Promise<EngineError> {
  return errorOf(parseJson(await readAll(response)));
}

/** An error as the agent's body tells it. */
function errorOf(body: unknown): EngineError {
  if (!isRecord(body) || typeof body.message !== 'string' || typeof body.code !== 'string') {
    return cliErrors.agentBroken({ what: 'an error without a message' });
  }
  const { message, code, kind, remedy, details } = body;
  return new EngineError({
    kind: ERROR_KINDS.includes(kind as ErrorKind) ? (kind as ErrorKind) : 'internal',
    code,
    message,
    remedy: typeof remedy === 'string' ? remedy : undefined,
    details: isRecord(details) ? (details as EngineError['details']) : {},
  });
}

async function exchange(
  { target, rootDir, token }: AgentClientOptions,
  { method, path, body, wantsTrailer }: Request,
  key: string | undefined,
): Promise<IncomingMessage> {
  const text = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  if (text !== undefined && text.length > MAX_BODY_BYTES) {
    throw cliErrors.requestTooLarge({ bytes: text.length, most: MAX_BODY_BYTES });
  }
  const headers: Record<string, string | number> = {
    ...identityHeaders({ rootDir, token }),
    ...(text !== undefined && { 'content-type': 'application/json', 'content-length': text.length }),
    ...(key !== undefined && { 'idempotency-key': key }),
    ...(wantsTrailer === true && { 'isopod-error-trailer': 'yes' }),
  };
  const sent = await open(target, { method, path, headers, agent: false });
  return new Promise((resolve, reject) => {
    sent.once('response', resolve);
    sent.once('error', reject);
    sent.end(text);
  });
}

function identityHeaders({
  rootDir,
  token,
}: Pick<AgentClientOptions, 'rootDir' | 'token'>): Readonly<Record<string, string>> {
  return {
    ...(rootDir !== undefined && { 'isopod-root': encodeURIComponent(rootDir) }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
}

async function open(target: RemoteAgent, options: RequestOptions): Promise<ClientRequest> {
  if (target.kind === 'unix') return request({ ...options, socketPath: target.socketPath });
  // Loaded only for other hosts: most commands talk to this one's.
  const { request: requestOverTls } = await import('node:https');
  const { host, port, tls } = target;
  const ca = tls.ca === undefined ? {} : { ca: tls.ca };
  return requestOverTls({ ...options, host, port, ...ca, cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2' });
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw cliErrors.agentBroken({ what: JSON.stringify(text.slice(0, 80)) });
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
