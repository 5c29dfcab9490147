import type { FoundRepository } from '../image/registry/search.ts';
import type { RegistryCredential } from '../model/registry-credential.ts';
import { parseRegistryName } from '../model/registry-name.ts';
import type { EngineHost } from './host.ts';

/** What can be asked of registries beside images. */
export interface RegistryOperations {
  /**
   * Shows a registry a credential, which is kept nowhere.
   *
   * @throws {EngineError} unauthenticated when it does not count; invalid-argument, unavailable
   */
  checkLogin(registry: string, credential: RegistryCredential, signal: AbortSignal): Promise<void>;
  /**
   * Repositories of a registry whose names or descriptions hold a text.
   *
   * @throws {EngineError} invalid-argument, permission-denied, unavailable
   */
  search(query: RegistrySearch, signal: AbortSignal): Promise<readonly FoundRepository[]>;
}

export interface RegistrySearch {
  readonly registry: string;
  readonly term: string;
  readonly limit: number;
  readonly credential?: RegistryCredential | undefined;
}

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
