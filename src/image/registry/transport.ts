import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import { systemErrorCode } from '../../model/error.ts';
import { followedUrl } from './endpoint.ts';
import { registryErrors } from './errors.ts';

const MAX_REDIRECTS = 5;
/** The most that is read of an answer whose body is only shown in an error or held in memory as a whole. */
const MAX_ERROR_BODY_BYTES = 64 * 1024;
const SHOWN_BODY_CHARACTERS = 200;

export interface RegistryRequest {
  readonly url: URL;
  readonly accept?: readonly string[];
  /** Sent to the host of `url` only, never to where it redirects. */
  readonly authorization?: string | undefined;
  readonly signal: AbortSignal;
}

export interface RegistryResponse {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** The body; ends early without an error when the sender does, so that the reader can say how much was missing. */
  body(): AsyncIterable<Uint8Array>;
  /** All of a small body. @throws {EngineError} `registry.answerTooLarge`, `registry.cutShort` */
  bytes(what: string, limitBytes: number): Promise<Uint8Array>;
  /** The beginning of an error's body, as one line. */
  excerpt(): Promise<string>;
  /** Drops the rest of the body. */
  discard(): void;
}

/** HTTP to one registry and where it leads: keep-alive, redirects, no silence longer than the bound. */
export class RegistryTransport {
  readonly #plain = new http.Agent({ keepAlive: true });
  readonly #secure = new https.Agent({ keepAlive: true });
  readonly #stallMs: number;

  constructor(stallMs: number) {
    this.#stallMs = stallMs;
  }

  close(): void {
    this.#plain.destroy();
    this.#secure.destroy();
  }

  /** @throws {EngineError} unavailable when there is no answer, permission-denied for a redirect that is not followed */
  async get(request: RegistryRequest): Promise<RegistryResponse> {
    let url = request.url;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const authorization = url.origin === request.url.origin ? request.authorization : undefined;
      const message = await this.#send(url, { ...request, authorization });
      const location = message.headers.location;
      const redirected = message.statusCode !== undefined && [301, 302, 303, 307, 308].includes(message.statusCode);
      if (!redirected || location === undefined) return this.#response(url, message, request.signal);
      message.destroy();
      url = followedUrl(url, location);
    }
    throw registryErrors.tooManyRedirects({ host: request.url.host, limit: MAX_REDIRECTS });
  }

  async #send(url: URL, request: RegistryRequest): Promise<http.IncomingMessage> {
    const headers: http.OutgoingHttpHeaders = { 'user-agent': 'isopod' };
    if (request.accept !== undefined) headers.accept = request.accept.join(', ');
    if (request.authorization !== undefined) headers.authorization = request.authorization;
    request.signal.throwIfAborted();
    const options = { headers, signal: request.signal };
    const sent =
      url.protocol === 'https:'
        ? https.get(url, { ...options, agent: this.#secure })
        : http.get(url, { ...options, agent: this.#plain });
    const timer = setTimeout(() => sent.destroy(this.#stalled(url)), this.#stallMs);
    try {
      const [message] = (await once(sent, 'response')) as [http.IncomingMessage];
      // Errors of the request after its response come out of the body, not out of here.
      sent.on('error', () => {});
      return message;
    } catch (error) {
      request.signal.throwIfAborted();
      throw connectionError(url, error);
    } finally {
      clearTimeout(timer);
    }
  }

  #response(url: URL, message: http.IncomingMessage, signal: AbortSignal): RegistryResponse {
    const body = (): AsyncIterable<Uint8Array> => this.#body(url, message, signal);
    return {
      status: message.statusCode ?? 0,
      headers: message.headers,
      body,
      bytes: async (what, limitBytes) => {
        const { bytes, whole } = await collect(body(), limitBytes);
        if (!whole) throw registryErrors.answerTooLarge({ host: url.host, what, limitBytes });
        if (!message.complete) throw registryErrors.cutShort({ host: url.host, what, bytes: bytes.length });
        return bytes;
      },
      excerpt: async () => {
        const { bytes } = await collect(body(), MAX_ERROR_BODY_BYTES);
        return oneLine(bytes);
      },
      discard: () => {
        message.destroy();
      },
    };
  }

  async *#body(
    url: URL,
    message: http.IncomingMessage,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const chunks = message[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    try {
      for (;;) {
        // Only the time in which we wait for the other side counts, not the time in which our reader is busy.
        const timer = setTimeout(() => message.destroy(this.#stalled(url)), this.#stallMs);
        let next: IteratorResult<Uint8Array>;
        try {
          next = await chunks.next();
        } catch (error) {
          signal.throwIfAborted();
          if (systemErrorCode(error) === 'ECONNRESET') return;
          throw error;
        } finally {
          clearTimeout(timer);
        }
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      if (!message.complete) message.destroy();
    }
  }

  #stalled(url: URL): Error {
    return registryErrors.stalled({ host: url.host, seconds: Math.round(this.#stallMs / 1000) });
  }
}

function connectionError(url: URL, error: unknown): Error {
  const code = systemErrorCode(error);
  if (error instanceof Error && code?.startsWith('registry.')) return error;
  const reason =
    code === 'ECONNREFUSED'
      ? 'connection refused'
      : code === 'ENOTFOUND' || code === 'EAI_AGAIN'
        ? `its name ${url.hostname} cannot be resolved (${code})`
        : error instanceof Error
          ? error.message
          : String(error);
  return registryErrors.unreachable({ host: url.host, reason }, error);
}

async function collect(
  body: AsyncIterable<Uint8Array>,
  limitBytes: number,
): Promise<{ readonly bytes: Buffer; readonly whole: boolean }> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > limitBytes) return { bytes: Buffer.concat(chunks).subarray(0, limitBytes), whole: false };
  }
  return { bytes: Buffer.concat(chunks), whole: true };
}

function oneLine(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('utf8');
  const message = /"message"\s*:\s*"([^"\\]{1,300})"/.exec(text)?.[1] ?? text;
  return message
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, SHOWN_BODY_CHARACTERS);
}
