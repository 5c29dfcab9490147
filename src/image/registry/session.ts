import { registryErrors } from './errors.ts';
import { type HostFailure, isOfHost, reasonOf, withEarlier } from './failures.ts';
import type { HostClient, HostRequest } from './host-client.ts';
import { type HostCapability, type HostSettings, hostSettingsErrors } from './host-settings.ts';
import type { OnNotice } from './notice.ts';
import type { RegistryResponse } from './response.ts';

export interface SessionParts {
  readonly registry: string;
  /** Reads who the hosts are, and which file says so; called at the first request. */
  readonly open: () => Promise<{ readonly hosts: readonly HostClient[]; readonly path: string | undefined }>;
  readonly onNotice?: OnNotice | undefined;
  /** Where nobody may hear of it, the log does: a host that has failed, once in each session. */
  readonly report?: ((what: string, error: unknown) => void) | undefined;
}

/** The hosts of one registry for one repository, in the order in which they are asked. */
export class RegistrySession {
  readonly #parts: SessionParts;
  readonly #told = new Set<HostClient>();
  #opened: ReturnType<SessionParts['open']> | undefined;
  #isClosed = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /** All of them, whatever they may be asked for; mirrors first. */
  async all(): Promise<readonly HostClient[]> {
    return (await this.#open()).hosts;
  }

  /** Those that may be asked for this, mirrors first. @throws {EngineError} `registry-hosts.noneMay` (failed-precondition) */
  async hosts(capability: HostCapability): Promise<readonly HostClient[]> {
    const { hosts, path = '' } = await this.#open();
    const able = hosts.filter(({ settings: { capabilities } }) => mayServe(capabilities, capability));
    if (able.length > 0) return able;
    const { registry } = this.#parts;
    throw hostSettingsErrors.noneMay({ registry, path, capability, hosts: hosts.map(({ name }) => name) });
  }

  async #open(): ReturnType<SessionParts['open']> {
    this.#opened ??= this.#parts.open();
    const opened = await this.#opened;
    if (this.#isClosed) for (const host of opened.hosts) host.close();
    return opened;
  }

  /**
   * Asks one host after the other until one has what is asked for.
   *
   * @param ask throws where a host has it not; behind one that is not the last there is somebody else to ask, which is faster than
   *   to wait for it
   * @throws {EngineError} what the last host's attempt throws, with what came of the others
   */
  async first<Found>(
    capability: HostCapability,
    ask: (host: HostClient, isLast: boolean) => Promise<Found>,
  ): Promise<Found> {
    const hosts = await this.hosts(capability);
    const earlier: HostFailure[] = [];
    for (const [index, host] of hosts.entries()) {
      const next = hosts[index + 1];
      try {
        return await ask(host, next === undefined);
      } catch (error) {
        if (!isOfHost(error)) throw error;
        if (next === undefined) throw withEarlier(error, earlier);
        earlier.push({ host, error });
        this.leave({ host, error }, next);
      }
    }
    throw new Error('a registry without hosts');
  }

  /** Asks one host after the other until one says 200. @returns that answer, else the last host's, whatever it is */
  async get(
    capability: HostCapability,
    request: HostRequest,
  ): Promise<{ host: HostClient; response: RegistryResponse }> {
    return await this.first(capability, async (host, isLast) => {
      const response = await host.request(isLast ? request : { ...request, attempts: 1 });
      const { status } = response;
      if (isLast || status === 200) return { host, response };
      if (status === 404) {
        response.discard();
        throw registryErrors.notThere({ host: host.name });
      }
      throw registryErrors.failing({ host: host.name, status, answer: await response.excerpt() });
    });
  }

  /** Tells once of each host that it has failed. One that has not what another one has is no failure. */
  leave(failure: HostFailure, next: HostClient): void {
    const { host, error } = failure;
    if (error.kind === 'not-found' || error.code === 'registry.unknownBlob' || this.#told.has(host)) return;
    this.#told.add(host);
    const { registry, onNotice, report } = this.#parts;
    onNotice?.({ kind: 'left', host: host.name, reason: reasonOf(failure), next: next.name });
    report?.(`${host.name} has failed as a host of registry ${registry}, and ${next.name} is asked instead`, error);
  }

  close(): void {
    this.#isClosed = true;
    this.#opened
      ?.then(({ hosts }) => {
        for (const host of hosts) host.close();
      })
      .catch(() => {});
  }
}

/** Who gives what has a digest may be asked what refers to it, too: `referrers` is younger than most files. */
function mayServe(capabilities: ReadonlySet<HostCapability>, wanted: HostCapability): boolean {
  return capabilities.has(wanted) || (wanted === 'referrers' && capabilities.has('pull'));
}

/** The one host that is pushed to and searched: the server; where it may not, the registry itself, else whoever is left. */
export function chiefHost(hosts: readonly HostClient[]): HostClient {
  const last = (is: (settings: HostSettings) => boolean) => hosts.findLast(({ settings }) => is(settings));
  const chief = last(({ isServer }) => isServer) ?? last(({ isOwn }) => isOwn) ?? hosts[0];
  if (chief === undefined) throw new Error('a registry without hosts');
  return chief;
}
