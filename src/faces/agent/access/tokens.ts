import type { Clock, Files, Random } from '../../../base/effects.ts';
import type { Grant, Role, Scope } from '../../../model/access.ts';
import { systemErrorCode } from '../../../model/error.ts';
import type { Caller } from './decide.ts';
import { accessErrors } from './errors.ts';
import { isSameHash, newToken, type StoredToken, tokenFileSchema, tokenHash, tokenId } from './token-format.ts';

export interface TokenPorts {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  /** Where they are kept, with mode 0600. */
  readonly path: string;
}

/** A token without what would let somebody in. */
export type TokenInfo = Omit<StoredToken, 'hash'>;

export interface TokenRequest {
  readonly name: string;
  readonly role: Role;
  readonly scope?: Scope | undefined;
  /** Missing: it does not expire. */
  readonly lifetimeMs?: number | undefined;
}

const MOST_TOKENS = 1024;

/** The tokens of one root directory: in memory, each change on disk before it counts. */
export class Tokens {
  readonly #ports: TokenPorts;
  readonly #byId = new Map<string, StoredToken>();
  #damage: unknown;
  #last: Promise<unknown> = Promise.resolve();

  constructor(ports: TokenPorts) {
    this.#ports = ports;
  }

  /** Reads what is kept. A file that is damaged lets nobody in, and is not written over. @returns why it is */
  async load(): Promise<unknown> {
    const { files, path } = this.#ports;
    try {
      const { tokens } = tokenFileSchema.parse(JSON.parse(await files.readText(path)));
      for (const token of tokens) this.#byId.set(token.id, token);
      return undefined;
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      const reason = error instanceof Error ? error.message : String(error);
      this.#damage = accessErrors.damagedTokens({ path, reason }, error);
      return this.#damage;
    }
  }

  /** Whether anybody could be let in by one. */
  get isAny(): boolean {
    return [...this.#byId.values()].some((token) => !this.#isExpired(token));
  }

  /** Who sends this token. @throws {EngineError} `access.badToken` (unauthenticated), `access.damagedTokens` */
  verify(text: string): Caller {
    if (this.#damage !== undefined) throw this.#damage;
    const id = tokenId(text);
    if (id === undefined) throw accessErrors.badToken({ reason: 'not of the form isopod_ID_SECRET' });
    const token = this.#byId.get(id);
    if (token === undefined || !isSameHash(token.hash, tokenHash(text))) {
      throw accessErrors.badToken({ reason: 'unknown, or was revoked' });
    }
    if (this.#isExpired(token)) {
      throw accessErrors.badToken({ reason: `expired since ${new Date(token.expiresAtMs ?? 0).toISOString()}` });
    }
    return { name: `token ${token.name} (${id})`, grant: grantOf(token) };
  }

  list(): readonly TokenInfo[] {
    return [...this.#byId.values()].map(infoOf);
  }

  /** @returns the token itself, which nobody can be told again. @throws {EngineError} `access.tooManyTokens` */
  create({
    name,
    role,
    scope,
    lifetimeMs,
  }: TokenRequest): Promise<{ readonly token: string; readonly info: TokenInfo }> {
    return this.#change(async () => {
      for (const old of [...this.#byId.values()]) if (this.#isExpired(old)) this.#byId.delete(old.id);
      if (this.#byId.size >= MOST_TOKENS) throw accessErrors.tooManyTokens({ most: MOST_TOKENS });
      const { random, clock } = this.#ports;
      let made = newToken((count) => random.bytes(count));
      while (this.#byId.has(made.id)) made = newToken((count) => random.bytes(count));
      const createdAtMs = clock.nowMs();
      const stored: StoredToken = {
        ...{ id: made.id, name, hash: tokenHash(made.text), role, createdAtMs },
        ...(scope !== undefined && { scope: { ...scope } }),
        ...(lifetimeMs !== undefined && { expiresAtMs: createdAtMs + lifetimeMs }),
      };
      await this.#save([...this.#byId.values(), stored]);
      this.#byId.set(made.id, stored);
      return { token: made.text, info: infoOf(stored) };
    });
  }

  /** From now on it lets nobody in; calls under way go on. @throws {EngineError} `access.unknownToken` */
  revoke(id: string): Promise<void> {
    return this.#change(async () => {
      const token = this.#byId.get(id);
      if (token === undefined) throw accessErrors.unknownToken({ id });
      this.#byId.delete(id);
      try {
        await this.#save([...this.#byId.values()]);
      } catch (error) {
        this.#byId.set(id, token);
        throw error;
      }
    });
  }

  #isExpired({ expiresAtMs }: StoredToken): boolean {
    return expiresAtMs !== undefined && expiresAtMs <= this.#ports.clock.nowMs();
  }

  async #save(tokens: readonly StoredToken[]): Promise<void> {
    const { files, path } = this.#ports;
    const text = `${JSON.stringify({ schemaVersion: 1, tokens }, undefined, 2)}\n`;
    await files.writeAtomic(path, text, { mode: 0o600, durability: 'synced' });
  }

  #change<Result>(change: () => Promise<Result>): Promise<Result> {
    if (this.#damage !== undefined) return Promise.reject(this.#damage);
    const result = this.#last.then(change);
    this.#last = result.catch(() => {});
    return result;
  }
}

function infoOf({ hash: _, ...info }: StoredToken): TokenInfo {
  return info;
}

function grantOf({ role, scope }: StoredToken): Grant {
  return { role, ...(scope !== undefined && { scope: scope as Scope }) };
}
