import type { FoundRepository } from '../image/registry/search.ts';
import type { RegistryCredential } from '../model/registry-credential.ts';

/** What can be asked of registries beside images. */
export interface RegistryOperations {
  /**
   * Shows a registry a credential, which is kept nowhere.
   *
   * @returns the identity token that may stand for the password from now on, if the registry gives one
   * @throws {EngineError} unauthenticated when it does not count; invalid-argument, unavailable
   */
  checkLogin(registry: string, credential: RegistryCredential, signal: AbortSignal): Promise<string | undefined>;
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
