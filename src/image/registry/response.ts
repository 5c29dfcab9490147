import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { EngineError, systemErrorCode } from '../../model/error.ts';
import { registryErrors } from './errors.ts';
import { connectionError } from './network-errors.ts';

/** The most that is read of an answer whose body is only shown in an error. */
const MAX_ERROR_BODY_BYTES = 64 * 1024;
const SHOWN_BODY_CHARACTERS = 200;
/** A rest of so many bytes is read away, so that the connection can be used again; a longer one costs more than a new one. */
const CHEAP_REST_BYTES = 16 * 1024;

/** The answer of a registry: its head, and its body as it comes. */
export class RegistryResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly url: URL;
  readonly #message: IncomingMessage;
  readonly #sent: ClientRequest;
  readonly #signal: AbortSignal;
  readonly #stallMs: number;
  readonly #hasBody: boolean;

  constructor(parts: {
    readonly url: URL;
    readonly message: IncomingMessage;
    readonly sent: ClientRequest;
    readonly signal: AbortSignal;
    readonly stallMs: number;
    readonly hasBody: boolean;
  }) {
    this.url = parts.url;
    this.status = parts.message.statusCode ?? 0;
    this.headers = parts.message.headers;
    this.#message = parts.message;
    this.#sent = parts.sent;
    this.#signal = parts.signal;
    this.#stallMs = parts.stallMs;
    this.#hasBody = parts.hasBody;
  }

  /** A header that is there once, or `undefined`. */
  header(name: string): string | undefined {
    const value = this.headers[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** The body; ends early without an error when the sender does, so that the reader can say how much was missing. */
  async *body(): AsyncGenerator<Uint8Array, void, undefined> {
    const message = this.#message;
    const chunks = message[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    try {
      for (;;) {
        const next = await this.#next(chunks);
        if (next === undefined) return;
        yield next;
      }
    } finally {
      if (!message.readableEnded || !this.#sent.writableFinished) dropAnswer(message);
    }
  }

  async #next(chunks: AsyncIterator<Uint8Array>): Promise<Uint8Array | undefined> {
    // Only the time in which we wait for the other side counts, not the time in which our reader is busy.
    const stalled = (): Error =>
      registryErrors.stalled({ host: this.url.host, seconds: Math.round(this.#stallMs / 1000) });
    const timer = setTimeout(() => this.#message.destroy(stalled()), this.#stallMs);
    try {
      const next = await chunks.next();
      return next.done === true ? undefined : next.value;
    } catch (error) {
      this.#signal.throwIfAborted();
      if (error instanceof EngineError) throw error;
      if (['ECONNRESET', 'EPIPE', 'ETIMEDOUT'].includes(systemErrorCode(error) ?? '')) return undefined;
      throw connectionError(this.url, error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** All of a small body. @throws {EngineError} `registry.answerTooLarge`, `registry.cutShort` */
  async bytes(what: string, limitBytes: number): Promise<Uint8Array> {
    const { bytes, isWhole } = await collect(this.body(), limitBytes);
    if (!isWhole) throw registryErrors.answerTooLarge({ host: this.url.host, what, limitBytes });
    if (!this.#message.complete) throw registryErrors.cutShort({ host: this.url.host, what, bytes: bytes.length });
    return bytes;
  }

  /** The beginning of an error's body, as one line. */
  async excerpt(): Promise<string> {
    const { bytes } = await collect(this.body(), MAX_ERROR_BODY_BYTES);
    return oneLine(bytes);
  }

  /** Drops the rest of the body. */
  discard(): void {
    const message = this.#message;
    const restBytes = this.#hasBody ? Number(this.headers['content-length'] ?? Number.POSITIVE_INFINITY) : 0;
    message.on('error', () => {});
    if (restBytes <= CHEAP_REST_BYTES && this.#sent.writableFinished) message.resume();
    else message.destroy();
  }
}

/**
 * Ends an answer that nobody reads any more. Also one that has come whole: a request that is given up later would end it with an
 * error, which nobody is there to take.
 */
export function dropAnswer(message: IncomingMessage): void {
  message.on('error', () => {});
  message.destroy();
}

async function collect(
  body: AsyncIterable<Uint8Array>,
  limitBytes: number,
): Promise<{ readonly bytes: Buffer; readonly isWhole: boolean }> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > limitBytes) return { bytes: Buffer.concat(chunks).subarray(0, limitBytes), isWhole: false };
  }
  return { bytes: Buffer.concat(chunks), isWhole: true };
}

function oneLine(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('utf8');
  const message = /"message"\s*:\s*"([^"\\]{1,300})"/.exec(text)?.[1] ?? text;
  return message
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, SHOWN_BODY_CHARACTERS);
}
