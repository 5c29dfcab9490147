import { EngineError } from '../../model/error.ts';
import type { HostClient, HostRequest } from './host-client.ts';
import type { HostCapability, HostSettings } from './host-settings.ts';
import type { RegistryResponse } from './response.ts';

/** The hosts of one registry for one repository, in the order in which they are asked. */
export class RegistrySession {
  readonly #open: () => Promise<readonly HostClient[]>;
  #hosts: Promise<readonly HostClient[]> | undefined;
  #isClosed = false;

  /** @param open reads who the hosts are; called at the first request */
  constructor(open: () => Promise<readonly HostClient[]>) {
    this.#open = open;
  }

  /** All of them, whatever they may be asked for; mirrors first. */
  async all(): Promise<readonly HostClient[]> {
    this.#hosts ??= this.#open();
    const hosts = await this.#hosts;
    if (this.#isClosed) for (const host of hosts) host.close();
    return hosts;
  }

  /** Those that may be asked for this, mirrors first. */
  async hosts(capability: HostCapability): Promise<readonly HostClient[]> {
    const hosts = await this.all();
    return hosts.filter(({ settings: { capabilities } }) => mayServe(capabilities, capability));
  }

  /** Asks one host after the other until one says 200. @returns that answer, else the last host's, whatever it is */
  async get(
    capability: HostCapability,
    request: HostRequest,
  ): Promise<{ host: HostClient; response: RegistryResponse }> {
    const hosts = await this.hosts(capability);
    return await firstThatHas(hosts, async (host, isLast) => {
      // Behind a mirror there is somebody else to ask, which is faster than to wait for it.
      const response = await host.request(isLast ? request : { ...request, attempts: 1 });
      return { host, response };
    });
  }

  close(): void {
    this.#isClosed = true;
    const closeAll = (hosts: readonly HostClient[]): void => {
      for (const host of hosts) host.close();
    };
    this.#hosts?.then(closeAll).catch(() => {});
  }
}

/** Who gives what has a digest may be asked what refers to it, too: `referrers` is younger than most files. */
function mayServe(capabilities: ReadonlySet<HostCapability>, wanted: HostCapability): boolean {
  return capabilities.has(wanted) || (wanted === 'referrers' && capabilities.has('pull'));
}

/** The one host that is pushed to and searched: the server; where it may not, the registry itself, else whoever is left. */
export function chiefHost(hosts: readonly HostClient[]): HostClient | undefined {
  const last = (is: (settings: HostSettings) => boolean) => hosts.findLast(({ settings }) => is(settings));
  return last(({ isServer }) => isServer) ?? last(({ isOwn }) => isOwn) ?? hosts[0];
}

/** @throws what the last host's attempt throws */
async function firstThatHas<Found extends { readonly response: RegistryResponse }>(
  hosts: readonly HostClient[],
  ask: (host: HostClient, isLast: boolean) => Promise<Found>,
): Promise<Found> {
  const last = hosts.length - 1;
  for (const [index, host] of hosts.entries()) {
    try {
      const found = await ask(host, index === last);
      if (index === last || found.response.status === 200) return found;
      found.response.discard();
    } catch (error) {
      if (index === last || !(error instanceof EngineError) || error.kind === 'cancelled') throw error;
    }
  }
  throw new Error('a registry without hosts');
}
