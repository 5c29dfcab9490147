import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import { defineErrors, EngineError, systemErrorCode } from '../../model/error.ts';
import { isOwnHost } from '../../model/own-address.ts';
import { reasonOf, withoutPassword } from '../registry/network-errors.ts';
import { proxyFor } from '../registry/proxy.ts';
import { dropAnswer } from '../registry/response.ts';
import { checkElsewhere, lookupElsewhere } from './lookup.ts';
import type { WebWay } from './web-way.ts';

export const webErrors = defineErrors('web', {
  unreachable: {
    kind: 'unavailable',
    message: (d: { url: string; reason: string }) => `${d.url} cannot be reached: ${d.reason}`,
  },
  refusedRedirect: {
    kind: 'permission-denied',
    message: (d: { url: string; target: string; reason: string }) =>
      `${d.url} points to ${d.target}, which is not followed: ${d.reason}`,
  },
  tooManyRedirects: {
    kind: 'unavailable',
    message: (d: { url: string; limit: number }) => `${d.url} redirects more than ${d.limit} times`,
  },
  stalled: {
    kind: 'unavailable',
    message: (d: { url: string; seconds: number }) => `${d.url} sent nothing for ${d.seconds} s`,
  },
  cutShort: {
    kind: 'unavailable',
    message: (d: { url: string; bytes: number; expectedBytes: number | undefined }) =>
      `${d.url} ended after ${d.bytes} of ${d.expectedBytes ?? 'more'} bytes`,
  },
  tooLarge: {
    kind: 'resource-exhausted',
    message: (d: { url: string; limitBytes: number }) =>
      `${d.url} has more than the ${d.limitBytes} bytes that are taken`,
  },
});

const MAX_REDIRECTS = 5;

export interface WebResponse {
  readonly status: number;
  /** What the sender announced; `undefined` when it did not. */
  readonly sizeBytes: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  /**
   * All of the body.
   *
   * @param limitBytes of all of it, together with what came of it before
   * @param beforeBytes that came in answers before this one, which brings the rest
   * @throws {EngineError} `web.stalled`, `.cutShort`, `.tooLarge` after `limitBytes`
   */
  body(limitBytes: number, beforeBytes?: number): AsyncIterable<Uint8Array>;
  /** Drops the rest of the body. */
  discard(): void;
}

/**
 * GET by HTTP and HTTPS, without credentials: redirects are followed where they lead to nothing less safe, and what is of
 * this machine is reached only by who names it.
 */
export class WebClient {
  readonly #stallMs: number;
  readonly #way: WebWay | undefined;

  /**
   * @param stallMs silence after which a server is given up; a slow one is not
   * @param way proxies and authorities; default: none, and those of Node
   */
  constructor(stallMs: number, way?: WebWay) {
    this.#stallMs = stallMs;
    this.#way = way;
  }

  /** @param headers besides our name. @throws {EngineError} `web.*` */
  async get(from: URL, signal: AbortSignal, headers: http.OutgoingHttpHeaders = {}): Promise<WebResponse> {
    let url = from;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const message = await this.#send(url, signal, headers);
      const { location } = message.headers;
      const isRedirect = [301, 302, 303, 307, 308].includes(message.statusCode ?? 0);
      if (!isRedirect || location === undefined) return this.#response(url, message, signal);
      message.destroy();
      url = redirected(url, location);
    }
    throw webErrors.tooManyRedirects({ url: shown(from), limit: MAX_REDIRECTS });
  }

  async #send(url: URL, signal: AbortSignal, headers: http.OutgoingHttpHeaders): Promise<http.IncomingMessage> {
    signal.throwIfAborted();
    const options = { headers: { ...headers, 'user-agent': 'isopod' }, signal, ...(await this.#wayTo(url)) };
    const sent = url.protocol === 'https:' ? https.get(url, options) : http.get(url, options);
    const timer = setTimeout(() => sent.destroy(this.#stalled(url)), this.#stallMs);
    try {
      const [message] = (await once(sent, 'response')) as [http.IncomingMessage];
      // Errors of the request after its response come out of the body, not out of here.
      sent.on('error', () => {});
      return message;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof EngineError) throw error;
      throw webErrors.unreachable({ url: shown(url), reason: reasonOf(url, error, this.#proxyTo(url)) }, error);
    } finally {
      clearTimeout(timer);
    }
  }

  #proxyTo(url: URL): string | undefined {
    return this.#way === undefined || isOwnHost(url.hostname) ? undefined : proxyFor(url, this.#way.proxies);
  }

  async #wayTo(url: URL): Promise<Pick<http.RequestOptions, 'agent' | 'lookup'>> {
    const isOwn = isOwnHost(url.hostname);
    const proxy = this.#proxyTo(url);
    // A proxy on this machine would find for others what is of this machine alone.
    if (proxy !== undefined) await checkElsewhere(url.hostname);
    const proxied = proxy === undefined ? {} : { proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } };
    const lookup = isOwn || proxy !== undefined ? {} : { lookup: lookupElsewhere };
    if (url.protocol !== 'https:') return { agent: new http.Agent(proxied), ...lookup };
    const trusted = this.#way === undefined ? {} : { secureContext: await this.#way.authorities() };
    return { agent: new https.Agent({ ...proxied, ...trusted, minVersion: 'TLSv1.2' }), ...lookup };
  }

  #response(url: URL, message: http.IncomingMessage, signal: AbortSignal): WebResponse {
    const announced = Number(message.headers['content-length'] ?? Number.NaN);
    const sizeBytes = Number.isSafeInteger(announced) && announced >= 0 ? announced : undefined;
    return {
      status: message.statusCode ?? 0,
      sizeBytes,
      headers: message.headers,
      body: (limitBytes, beforeBytes = 0) => this.#body(message, { url, sizeBytes, limitBytes, beforeBytes, signal }),
      discard: () => {
        message.on('error', () => {});
        message.destroy();
      },
    };
  }

  async *#body(
    message: http.IncomingMessage,
    about: {
      readonly url: URL;
      readonly sizeBytes: number | undefined;
      readonly limitBytes: number;
      readonly beforeBytes: number;
      readonly signal: AbortSignal;
    },
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { url, sizeBytes, limitBytes, beforeBytes, signal } = about;
    const chunks = message[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    const expectedBytes = sizeBytes === undefined ? undefined : beforeBytes + sizeBytes;
    let bytes = beforeBytes;
    try {
      if (expectedBytes !== undefined && expectedBytes > limitBytes)
        throw webErrors.tooLarge({ url: shown(url), limitBytes });
      for (;;) {
        const next = await this.#next(chunks, { url, message, signal });
        if (next === undefined) break;
        bytes += next.length;
        if (bytes > limitBytes) throw webErrors.tooLarge({ url: shown(url), limitBytes });
        yield next;
      }
      if (!message.complete) throw webErrors.cutShort({ url: shown(url), bytes, expectedBytes });
    } finally {
      if (!message.readableEnded) dropAnswer(message);
    }
  }

  async #next(
    chunks: AsyncIterator<Uint8Array>,
    {
      url,
      message,
      signal,
    }: { readonly url: URL; readonly message: http.IncomingMessage; readonly signal: AbortSignal },
  ): Promise<Uint8Array | undefined> {
    // Only the time in which we wait for the other side counts, not the time in which our reader is busy.
    const timer = setTimeout(() => message.destroy(this.#stalled(url)), this.#stallMs);
    try {
      const next = await chunks.next();
      return next.done === true ? undefined : next.value;
    } catch (error) {
      signal.throwIfAborted();
      if (systemErrorCode(error) === 'ECONNRESET') return undefined;
      if (error instanceof EngineError) throw error;
      throw webErrors.unreachable({ url: shown(url), reason: withoutPassword((error as Error).message) }, error);
    } finally {
      clearTimeout(timer);
    }
  }

  #stalled(url: URL): EngineError {
    return webErrors.stalled({ url: shown(url), seconds: Math.round(this.#stallMs / 1000) });
  }
}

/** A URL as errors show it: a password in it is nobody's business. */
export function shown(url: URL): string {
  const bare = new URL(url.href);
  bare.username = '';
  bare.password = '';
  bare.search = '';
  return bare.href;
}

function redirected(from: URL, location: string): URL {
  const refuse = (reason: string): never => {
    throw webErrors.refusedRedirect({ url: shown(from), target: location.slice(0, 200), reason });
  };
  if (!URL.canParse(location, from.href)) return refuse('it is not a URL');
  const url = new URL(location, from.href);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return refuse('only http and https are');
  if (from.protocol === 'https:' && url.protocol === 'http:') return refuse('it leads from https to http');
  if (isOwnHost(url.hostname) && !isOwnHost(from.hostname)) return refuse('it leads from another machine to this one');
  return url;
}
