import { createHash } from 'node:crypto';
import type { Clock } from '../../base/effects.ts';
import type { RegistryCredential } from '../../model/registry-credential.ts';

interface Entry {
  readonly authorization: string;
  readonly expiresAtMs: number;
}

export interface TokenKey {
  /** Root of the API that the token is for. */
  readonly base: URL;
  readonly scope: string;
  readonly credential: RegistryCredential | undefined;
}

const MAX_ENTRIES = 256;

/** Access tokens in memory until they run out, each for one host, scope and credential alone. */
export class TokenCache {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(key: TokenKey): string | undefined {
    const entry = this.#entries.get(textOf(key));
    return entry !== undefined && entry.expiresAtMs > this.#clock.monotonicMs() ? entry.authorization : undefined;
  }

  put(key: TokenKey, authorization: string, lifetimeMs: number): void {
    const text = textOf(key);
    this.#entries.delete(text);
    if (lifetimeMs <= 0) return;
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= MAX_ENTRIES && oldest !== undefined) this.#entries.delete(oldest);
    this.#entries.set(text, { authorization, expiresAtMs: this.#clock.monotonicMs() + lifetimeMs });
  }
}

function textOf({ base, scope, credential }: TokenKey): string {
  return JSON.stringify([base.href, scope, credentialKey(credential)]);
}

/** Tells credentials apart without holding them, so that two of them share neither tokens nor pulls; empty for none. */
export function credentialKey(credential: RegistryCredential | undefined): string {
  if (credential === undefined) return '';
  const parts = credential.kind === 'password' ? [credential.username, credential.password] : [credential.token];
  return createHash('sha256')
    .update(JSON.stringify([credential.kind, ...parts]))
    .digest('hex');
}
