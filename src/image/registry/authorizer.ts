import type { RegistryCredential } from '../../model/registry-credential.ts';
import { chooseChallenge } from './challenge.ts';
import { basicAuthorization, fetchToken } from './token.ts';
import type { TokenCache, TokenKey } from './token-cache.ts';
import type { RegistryTransport } from './transport.ts';

export interface AuthorizerOptions {
  readonly transport: RegistryTransport;
  readonly tokens: TokenCache;
  /** Root of the host's API. */
  readonly base: URL;
  /** `repository:NAME:pull`, several joined by spaces. */
  readonly scope: string;
  readonly credential: RegistryCredential | undefined;
  /** Of a login: told the token that may stand for the password. */
  readonly onIdentityToken?: ((token: string) => void) | undefined;
}

/** The Authorization header for one host and one scope, renewed when the host wants another one. */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #key: TokenKey;
  #header: string | undefined;
  #renewal: Promise<boolean> | undefined;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
    this.#key = options;
    this.#header = options.tokens.get(options);
  }

  get header(): string | undefined {
    return this.#header;
  }

  /**
   * Answers a 401.
   *
   * @param used the header of the request that was refused
   * @returns whether it is worth asking again
   */
  async renew(challenge: string, used: string | undefined, signal: AbortSignal): Promise<boolean> {
    // Requests at the same time are refused at the same time; one new token serves them all.
    if (this.#header !== used) return true;
    this.#renewal ??= this.#renewed(challenge, used, signal).finally(() => {
      this.#renewal = undefined;
    });
    return await this.#renewal;
  }

  async #renewed(header: string, used: string | undefined, signal: AbortSignal): Promise<boolean> {
    const challenge = chooseChallenge(header);
    if (challenge === undefined) return false;
    const { transport, tokens, base, scope, credential } = this.#options;
    if (challenge.scheme === 'basic' || credential?.kind === 'registry-token') {
      this.#header = challenge.scheme === 'basic' ? basicOf(credential) : tokenOf(credential);
      return this.#header !== undefined && this.#header !== used;
    }
    const asked = { challenge, scope, credential, signal, onIdentityToken: this.#options.onIdentityToken };
    const { authorization, lifetimeMs } = await fetchToken(transport, base, asked);
    this.#header = authorization;
    tokens.put(this.#key, authorization, lifetimeMs);
    return true;
  }
}

function basicOf(credential: RegistryCredential | undefined): string | undefined {
  return credential?.kind === 'password' ? basicAuthorization(credential.username, credential.password) : undefined;
}

function tokenOf(credential: RegistryCredential | undefined): string | undefined {
  return credential?.kind === 'registry-token' ? `Bearer ${credential.token}` : undefined;
}
