import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import { EngineError, systemErrorCode } from '../../model/error.ts';
import { followedUrl } from './endpoint.ts';
import { registryErrors } from './errors.ts';
import { connectionError } from './network-errors.ts';
import { type ProxySettings, proxyFor } from './proxy.ts';
import { RegistryResponse } from './response.ts';
import type { TlsMaterial } from './tls.ts';
import { speaksTls } from './tls-probe.ts';

const MAX_REDIRECTS = 5;

export interface RegistryRequest {
  /** Default `GET`. */
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Sent to the host of `url` only, never to where it redirects. */
  readonly authorization?: string | undefined;
  readonly body?: RequestBody;
  readonly signal: AbortSignal;
}

export interface RequestBody {
  readonly sizeBytes: number;
  /** Called again for another attempt. What it throws is thrown as it is. */
  content(): AsyncIterable<Uint8Array>;
}

export interface TransportOptions {
  readonly stallMs: number;
  /** The longest wait for a connection; default that of `stallMs`. */
  readonly connectMs?: number | undefined;
  readonly proxies: ProxySettings;
  /** For this host, and not where it redirects. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** Asked for at the first HTTPS connection. */
  readonly tls: () => Promise<TlsMaterial>;
}

/** HTTP to one registry host and where it leads: keep-alive, redirects, proxies, no silence longer than the bound. */
export class RegistryTransport {
  readonly #options: TransportOptions;
  readonly #agents = new Map<string, http.Agent>();
  /** Which certificate of ours the host is shown, of several. */
  #turn = 0;
  #wasAnswered = false;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  /** @throws {EngineError} unavailable when there is no answer, permission-denied for a redirect that is not followed */
  async send(request: RegistryRequest): Promise<RegistryResponse> {
    const { method = 'GET' } = request;
    let { url } = request;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const isFirstHost = url.origin === request.url.origin;
      const response = await this.#exchange(url, request, isFirstHost);
      const { location } = response.headers;
      if (location === undefined || !isRedirect(response.status, method)) return response;
      response.discard();
      url = followedUrl(url, location);
    }
    throw registryErrors.tooManyRedirects({ host: request.url.host, limit: MAX_REDIRECTS });
  }

  /** Whether TLS is spoken at an address of plain HTTP; `false` where a proxy is before it. */
  async speaksTls(url: URL, signal: AbortSignal): Promise<boolean> {
    return proxyFor(url, this.#options.proxies) === undefined && (await speaksTls(url, signal));
  }

  /** With the next certificate of ours where the host does not take one, and there are several. */
  async #exchange(url: URL, request: RegistryRequest, isFirstHost: boolean): Promise<RegistryResponse> {
    for (;;) {
      const turn = this.#turn;
      try {
        return await this.#exchangeOnce(url, request, isFirstHost);
      } catch (error) {
        const isHost = url.protocol === 'https:' && url.hostname === request.url.hostname;
        if (!isHost || !this.#mayBeCertificate(error) || !(await this.#hasNext(turn))) throw error;
      }
    }
  }

  /** Some servers only close the connection. */
  #mayBeCertificate(error: unknown): boolean {
    if (!(error instanceof EngineError)) return false;
    const isReset = error.code === 'registry.unreachable' && systemErrorCode(error.cause) === 'ECONNRESET';
    return error.code === 'registry.clientRefused' || (isReset && !this.#wasAnswered);
  }

  async #hasNext(turn: number): Promise<boolean> {
    // Requests at the same time are refused at the same time.
    if (this.#turn > turn) return true;
    const { own } = await this.#options.tls();
    if (turn + 1 >= own.length) return false;
    this.#turn = turn + 1;
    return true;
  }

  async #exchangeOnce(url: URL, request: RegistryRequest, isFirstHost: boolean): Promise<RegistryResponse> {
    const { method = 'GET', body, signal } = request;
    signal.throwIfAborted();
    const isHost = url.hostname === request.url.hostname;
    const agent = await this.#agentFor(url, isHost);
    const certificate = await this.#certificateFor(url, isHost);
    const headers = { 'user-agent': 'isopod', ...request.headers, ...(isFirstHost ? this.#options.headers : {}) };
    const authorization = isFirstHost ? request.authorization : undefined;
    const options: http.RequestOptions = {
      ...{ method, agent, signal },
      headers: {
        ...(headers as http.OutgoingHttpHeaders),
        ...(authorization !== undefined && { authorization }),
        ...(body !== undefined && { 'content-length': body.sizeBytes }),
      },
    };
    const sent = url.protocol === 'https:' ? https.request(url, options) : http.request(url, options);
    const response = await this.#answer(sent, url, request, certificate);
    this.#wasAnswered ||= isHost;
    return response;
  }

  /** The file of ours that is shown there. */
  async #certificateFor(url: URL, isHost: boolean): Promise<string | undefined> {
    if (url.protocol !== 'https:' || !isHost) return undefined;
    return (await this.#options.tls()).own[this.#turn]?.certificate;
  }

  async #answer(
    sent: http.ClientRequest,
    url: URL,
    { method, body, signal }: RegistryRequest,
    certificate: string | undefined,
  ): Promise<RegistryResponse> {
    const { stallMs } = this.#options;
    const silence = new Silence(stallMs, () => sent.destroy(stalled(url, stallMs)));
    const connecting = this.#watchConnection(sent, url);
    const sending: { error?: unknown; isAnswered: boolean } = { isAnswered: false };
    try {
      const answered = once(sent, 'response') as Promise<[http.IncomingMessage]>;
      if (body === undefined) sent.end();
      else {
        sendBody(sent, body, { sending, touch: () => silence.touch() }).catch((error: unknown) => {
          sending.error ??= error;
          sent.destroy();
        });
      }
      const [message] = await answered;
      sending.isAnswered = true;
      // Errors of the request after its response come out of the body, not out of here.
      sent.on('error', () => {});
      return new RegistryResponse({ url, message, sent, signal, stallMs, hasBody: method !== 'HEAD' });
    } catch (error) {
      sending.isAnswered = true;
      sent.on('error', () => {});
      signal.throwIfAborted();
      if (sending.error !== undefined) throw sending.error;
      throw connectionError(url, error, { proxy: proxyFor(url, this.#options.proxies), certificate });
    } finally {
      silence.end();
      clearTimeout(connecting);
    }
  }

  /** @returns the timer, which the caller clears */
  #watchConnection(sent: http.ClientRequest, url: URL): NodeJS.Timeout | undefined {
    const { connectMs } = this.#options;
    if (connectMs === undefined) return undefined;
    const late = (): void => {
      if (sent.socket === null || sent.socket.connecting) {
        sent.destroy(registryErrors.unreachable({ host: url.host, reason: `no connection within ${connectMs} ms` }));
      }
    };
    return setTimeout(late, connectMs);
  }

  async #agentFor(url: URL, isHost: boolean): Promise<http.Agent> {
    const proxy = proxyFor(url, this.#options.proxies);
    const turn = isHost ? this.#turn : 0;
    const key = JSON.stringify([url.protocol, isHost, proxy, turn]);
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const options = {
      keepAlive: true,
      ...(proxy !== undefined && { proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } }),
    };
    const agent =
      url.protocol === 'https:'
        ? new https.Agent({ ...options, ...tlsOptions(await this.#options.tls(), isHost, turn) })
        : new http.Agent(options);
    const meanwhile = this.#agents.get(key);
    if (meanwhile !== undefined) return meanwhile;
    this.#agents.set(key, agent);
    return agent;
  }
}

/** An unverified host is trusted for itself, not for where it leads. */
function tlsOptions({ own, elsewhere, isVerified }: TlsMaterial, isHost: boolean, turn: number): https.AgentOptions {
  return {
    secureContext: isHost ? (own[turn]?.context ?? elsewhere) : elsewhere,
    rejectUnauthorized: isVerified || !isHost,
    minVersion: 'TLSv1.2',
  };
}

function isRedirect(status: number, method: string): boolean {
  if (status === 307 || status === 308) return true;
  return [301, 302, 303].includes(status) && (method === 'GET' || method === 'HEAD');
}

/** Writes until all is sent or an answer has come, which may be before that. */
async function sendBody(
  sent: http.ClientRequest,
  body: RequestBody,
  state: { readonly sending: { readonly isAnswered: boolean }; readonly touch: () => void },
): Promise<void> {
  for await (const chunk of body.content()) {
    if (state.sending.isAnswered || sent.destroyed) return;
    state.touch();
    if (!sent.write(chunk)) await drained(sent);
    state.touch();
  }
  sent.end();
}

function drained(sent: http.ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      sent.off('drain', done).off('close', done).off('response', done);
      resolve();
    };
    sent.on('drain', done).on('close', done).on('response', done);
    if (sent.destroyed) done();
  });
}

/** Calls `broken` when nothing was heard or taken for a while. */
class Silence {
  readonly #ms: number;
  readonly #broken: () => void;
  #timer: NodeJS.Timeout;

  constructor(ms: number, broken: () => void) {
    this.#ms = ms;
    this.#broken = broken;
    this.#timer = setTimeout(broken, ms);
  }

  touch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#broken, this.#ms);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

function stalled(url: URL, stallMs: number): Error {
  return registryErrors.stalled({ host: url.host, seconds: Math.round(stallMs / 1000) });
}
