import type { Effects } from '../base/effects.ts';
import { Registries } from '../image/registry/registries.ts';
import { present } from '../model/container-request.ts';

/** As packages and administrators write it. */
const HOSTS_DIRECTORY = '/etc/isopod/certs.d';

/** The registries as this host knows them. */
export function openRegistries(
  effects: Effects,
  options: {
    readonly registryHostsDirectory?: string | undefined;
    readonly env?: Readonly<Record<string, string | undefined>>;
  },
): Registries {
  const { registryHostsDirectory: hostsDirectory = HOSTS_DIRECTORY, env } = options;
  return new Registries({ ...effects, hostsDirectory, ...present({ env }) });
}
