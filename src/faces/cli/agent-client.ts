import { type IncomingMessage, request } from 'node:http';
import { EngineError, ERROR_KINDS, type ErrorKind, systemErrorCode } from '../../model/error.ts';
import { cliErrors } from './errors.ts';

export interface AgentClientOptions {
  readonly socketPath: string;
  /** Absolute; an agent that serves another one refuses us. */
  readonly rootDir: string;
  /** Starts an agent and returns once it listens; `undefined` when none may be started. */
  readonly startAgent: (() => Promise<void>) | undefined;
  /** A fresh key for each mutating request. */
  readonly newKey: () => string;
}

/** How long a command goes on trying while an agent starts, recovers or stops. */
const RETRY_MS = 60_000;
const RETRY_PAUSE_MS = 10;
/** Nobody listens: another agent has to be started. */
const ABSENT = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTDIR']);
/** The connection ended before any byte of an answer: the request may be sent again with its key. */
const CUT = new Set(['ECONNRESET', 'EPIPE']);
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

  /** @returns a response whose status is below 400 */
  async #send(wanted: Request): Promise<IncomingMessage> {
    const key = wanted.method === 'GET' ? undefined : this.#options.newKey();
    const deadline = performance.now() + RETRY_MS;
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
    const { socketPath, startAgent } = this.#options;
    if (error instanceof EngineError) {
      if (!TRY_AGAIN.has(error.code) || performance.now() > deadline) throw error;
    } else {
      const code = systemErrorCode(error) ?? String(error);
      if (FORBIDDEN.has(code)) throw cliErrors.notAllowed({ socketPath, uid: process.getuid?.() ?? 0 }, error);
      const late = performance.now() > deadline;
      if (late || (!ABSENT.has(code) && !CUT.has(code)) || (ABSENT.has(code) && startAgent === undefined)) {
        throw cliErrors.agentGone({ socketPath, reason: code }, error);
      }
      if (ABSENT.has(code)) await startAgent?.();
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
  }
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

function exchange(
  { socketPath, rootDir }: AgentClientOptions,
  { method, path, body }: Request,
  key: string | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    if (text !== undefined && text.length > MAX_BODY_BYTES) {
      throw cliErrors.requestTooLarge({ bytes: text.length, most: MAX_BODY_BYTES });
    }
    const headers: Record<string, string | number> = { 'isopod-root': encodeURIComponent(rootDir) };
    if (text !== undefined) {
      headers['content-type'] = 'application/json';
      headers['content-length'] = text.length;
    }
    if (key !== undefined) headers['idempotency-key'] = key;
    const sent = request({ socketPath, method, path, headers, agent: false }, resolve);
    sent.once('error', reject);
    sent.end(text);
  });
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
