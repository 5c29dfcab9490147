import type { Clock, Random } from '../../base/effects.ts';
import type { Authorizer } from './authorizer.ts';
import { registryErrors } from './errors.ts';
import type { HostSettings } from './host-settings.ts';
import { isAbsent, isReset, isTransient } from './network-errors.ts';
import type { OnNotice } from './notice.ts';
import type { RegistryResponse } from './response.ts';
import { backOffMs, isRetryableStatus, type RetryBounds, retryAfterMs } from './retry.ts';
import type { RegistryRequest, RegistryTransport } from './transport.ts';

export interface HostRequest extends Omit<RegistryRequest, 'url' | 'authorization'> {
  /** Below the root of the API; or a whole address that the host gave us. */
  readonly path: string | URL;
  /** Default: as the bounds say. */
  readonly attempts?: number;
}

export interface HostClientParts {
  readonly settings: HostSettings;
  readonly transport: RegistryTransport;
  readonly authorizer: Authorizer;
  /** Told with every request to a mirror: the registry that it stands for. */
  readonly namespace: string | undefined;
  readonly bounds: RetryBounds;
  readonly clock: Clock;
  readonly random: Random;
  readonly onNotice?: OnNotice | undefined;
}

/** Why something is tried once more, and how often it has been. */
export interface Retry {
  readonly failures: number;
  readonly attempts: number;
  /** A sentence without its end. */
  readonly reason: string;
  /** What the host itself wishes; default by the bounds. */
  readonly delayMs?: number | undefined;
}

/** With the pauses between them about a second and a half. */
const ABSENT_ATTEMPTS = 3;

/** One host of a registry: knows its addresses, proves who asks, and asks again where that may help. */
export class HostClient {
  readonly settings: HostSettings;
  readonly #parts: HostClientParts;
  #wasReached = false;

  constructor(parts: HostClientParts) {
    this.settings = parts.settings;
    this.#parts = parts;
  }

  get name(): string {
    return this.settings.base.host;
  }

  close(): void {
    this.#parts.transport.close();
  }

  /** An address below the root of the API. */
  urlOf(path: string | URL): URL {
    if (path instanceof URL) return path;
    const url = new URL(path, this.settings.base);
    const { namespace } = this.#parts;
    if (namespace !== undefined) url.searchParams.set('ns', namespace);
    return url;
  }

  /** Tells of another attempt, and waits before it as long as the host, or bounds and back-off, say. */
  async pause({ failures, attempts, reason, delayMs: wishedMs }: Retry, signal: AbortSignal): Promise<void> {
    const { bounds, random, clock, onNotice } = this.#parts;
    const delayMs = wishedMs ?? backOffMs(failures, bounds, random);
    onNotice?.({ kind: 'retry', reason, delayMs: Math.round(delayMs), attempt: failures + 1, attempts });
    await clock.sleep(delayMs, signal);
  }

  /**
   * Sends a request, and again after what another moment may mend: a connection that breaks, HTTP 429 and 5xx.
   *
   * @returns the answer, whatever its status
   * @throws {EngineError} unavailable: nobody answers, or wants to be left alone for too long; permission-denied: no token
   */
  async request(request: HostRequest): Promise<RegistryResponse> {
    const attempts = request.attempts ?? this.#parts.bounds.requestAttempts;
    for (let attempt = 1; ; attempt++) {
      let retry: Retry;
      try {
        const response = await this.#authorized(request);
        const isFirst = !this.#wasReached;
        this.#wasReached = true;
        if (isFirst && isTlsPort(response))
          throw registryErrors.notPlain({ host: this.name, answer: await response.excerpt() });
        if (!isRetryableStatus(response.status) || attempt >= attempts) return response;
        const reason = `registry ${this.name} answered HTTP ${response.status}`;
        retry = { failures: attempt, attempts, reason, delayMs: this.#wishedDelayMs(response) };
        response.discard();
      } catch (error) {
        if (attempt === 1) await this.#checkPlain(error, request.signal);
        const most = attemptsAfter(error, attempts, this.#wasReached);
        if (attempt >= most || !isTransient(error, this.#wasReached)) throw error;
        retry = { failures: attempt, attempts: most, reason: (error as Error).message };
      }
      await this.pause(retry, request.signal);
    }
  }

  /** Asks with the authorization that we have; when the host wants another one, gets it once and asks again. */
  async #authorized(request: HostRequest): Promise<RegistryResponse> {
    const { transport, authorizer } = this.#parts;
    const url = this.urlOf(request.path);
    // What proves who we are is for this host alone, wherever it places its uploads.
    const isHost = url.origin === this.settings.base.origin;
    const used = isHost ? authorizer.header : undefined;
    const response = await transport.send({ ...request, url, authorization: used });
    const challenge = response.header('www-authenticate');
    if (!isHost || response.status !== 401 || challenge === undefined) return response;
    if (!(await authorizer.renew(challenge, used, request.signal))) return response;
    response.discard();
    return await transport.send({ ...request, url, authorization: authorizer.header });
  }

  /** Who speaks TLS alone closes a connection of plain HTTP without a word, and will each time. @throws {EngineError} `registry.notPlain` */
  async #checkPlain(error: unknown, signal: AbortSignal): Promise<void> {
    const { base } = this.settings;
    if (this.#wasReached || base.protocol !== 'http:' || !isReset(error)) return;
    if (await this.#parts.transport.speaksTls(base, signal)) {
      throw registryErrors.notPlain({ host: this.name, answer: 'it speaks TLS there' }, error);
    }
  }

  #wishedDelayMs(response: RegistryResponse): number | undefined {
    const { clock, bounds } = this.#parts;
    const wishedMs = retryAfterMs(response.headers, clock.nowMs());
    if (wishedMs === undefined || wishedMs <= bounds.maxRetryDelayMs) return wishedMs;
    response.discard();
    const [seconds, mostSeconds] = [Math.ceil(wishedMs / 1000), Math.round(bounds.maxRetryDelayMs / 1000)];
    throw registryErrors.rateLimited({ host: this.name, seconds, mostSeconds });
  }
}

/** HTTP 401 or 403 of a host as an error: a login helps with the registry itself alone. */
export function refusedBy(
  host: HostClient,
  refusal: { readonly image: string; readonly registry: string; readonly status: number; readonly answer: string },
): Error {
  return host.settings.isOwn
    ? registryErrors.refused(refusal)
    : registryErrors.refusedElsewhere({ ...refusal, host: host.name });
}

/** Servers answer plain HTTP on a port of TLS so; a refusal by a registry is JSON. */
function isTlsPort(response: RegistryResponse): boolean {
  if (response.status !== 400 || response.url.protocol !== 'http:') return false;
  return response.header('content-type')?.includes('json') !== true;
}

/** How often a request is sent in all when it ended like this. */
function attemptsAfter(error: unknown, attempts: number, wasReached: boolean): number {
  // A registry that is silent is given one more chance: each costs a minute.
  if (isStalled(error)) return Math.min(attempts, 2);
  // Who was there before is being started again, which may take its time.
  return isAbsent(error) && !wasReached ? Math.min(attempts, ABSENT_ATTEMPTS) : attempts;
}

function isStalled(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'registry.stalled';
}
