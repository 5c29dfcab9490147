import { parseRegistryName } from '../model/registry-name.ts';
import type { EngineHost } from './host.ts';
import type { RegistryOperations } from './registry-facade.ts';

/** @param operate counts an operation, so that idleness and closing know of it */
export function registryOperations(
  host: EngineHost,
  operate: <Result>(operation: () => Promise<Result>) => Promise<Result>,
): RegistryOperations {
  const { registries } = host.images;
  return {
    checkLogin: (registry, credential, signal) =>
      operate(() => registries.checkLogin(parseRegistryName(registry), credential, signal)),
    search: ({ credential, ...query }, signal) =>
      operate(() => registries.search({ ...query, registry: parseRegistryName(query.registry), signal }, credential)),
  };
}
