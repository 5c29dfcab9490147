import type { Clock, Random } from '../../base/effects.ts';
import type { Authorizer } from './authorizer.ts';
import { registryErrors } from './errors.ts';
import type { HostSettings } from './host-settings.ts';
import { isAbsent, isTransient } from './network-errors.ts';
import type { RegistryResponse } from './response.ts';
import { backOff, isRetryableStatus, type RetryBounds, retryAfterMs } from './retry.ts';
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

  /** Waits as long as bounds and back-off say before another attempt. */
  async pause(failures: number, signal: AbortSignal): Promise<void> {
    await backOff(failures, this.#parts, signal);
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
      let delayMs: number | undefined;
      try {
        const response = await this.#authorized(request);
        const isFirst = !this.#wasReached;
        this.#wasReached = true;
        if (isFirst && isTlsPort(response))
          throw registryErrors.notPlain({ host: this.name, answer: await response.excerpt() });
        if (!isRetryableStatus(response.status) || attempt >= attempts) return response;
        delayMs = this.#wishedDelayMs(response);
        response.discard();
      } catch (error) {
        if (attempt >= attemptsAfter(error, attempts, this.#wasReached) || !isTransient(error, this.#wasReached))
          throw error;
      }
      if (delayMs === undefined) await this.pause(attempt, request.signal);
      else await this.#parts.clock.sleep(delayMs, request.signal);
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

  #wishedDelayMs(response: RegistryResponse): number | undefined {
    const { clock, bounds } = this.#parts;
    const wishedMs = retryAfterMs(response.headers, clock.nowMs());
    if (wishedMs === undefined || wishedMs <= bounds.maxRetryDelayMs) return wishedMs;
    response.discard();
    const [seconds, mostSeconds] = [Math.ceil(wishedMs / 1000), Math.round(bounds.maxRetryDelayMs / 1000)];
    throw registryErrors.rateLimited({ host: this.name, seconds, mostSeconds });
  }
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
