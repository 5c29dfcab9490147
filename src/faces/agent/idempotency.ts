import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '../../base/effects.ts';
import { agentErrors } from './errors.ts';

/** Header that makes a retry of a mutating request get the first answer. */
const IDEMPOTENCY_HEADER = 'idempotency-key';
const MOST_KEY_CHARACTERS = 128;
const MAX_KEYS = 512;
const KEEP_MS = 5 * 60_000;

interface Entry<Result> {
  readonly request: string;
  readonly digest: string;
  readonly answer: Promise<Result>;
  readonly atMs: number;
}

/** A request that may come again. */
export interface RepeatableRequest {
  readonly key: string;
  /** Whose key it is: what one caller was answered is nobody else's. */
  readonly of: string;
  /** What is called: method and path, or the type of a call. */
  readonly request: string;
  /** All else that it says. */
  readonly content: unknown;
}

/** The key of a request that has one. @throws {EngineError} `agent.keyTooLong` (invalid-argument) */
export function keyOf(headers: IncomingHttpHeaders): string | undefined {
  const key = headers[IDEMPOTENCY_HEADER];
  if (typeof key !== 'string') return undefined;
  if (key.length > MOST_KEY_CHARACTERS) {
    throw agentErrors.keyTooLong({ length: key.length, most: MOST_KEY_CHARACTERS });
  }
  return key;
}

/** What names a request among those of all callers. */
export function requestKeyOf({ key, of }: Pick<RepeatableRequest, 'key' | 'of'>): string {
  return JSON.stringify([of, key]);
}

/**
 * Answers of mutating requests by the key that the client chose, so that a retry gets the first answer and does
 * nothing twice. Bounded: the oldest go when 512 are kept, each after 5 minutes.
 */
export class IdempotentAnswers<Result> {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry<Result>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws {EngineError} `agent.keyReused`: the key has named another request */
  answer(call: RepeatableRequest, run: () => Promise<Result>): Promise<Result> {
    const { key, request } = call;
    const own = requestKeyOf(call);
    // Not kept itself: it may hold secrets.
    const digest = createHash('sha256')
      .update(JSON.stringify([call.content]))
      .digest('hex');
    this.#forgetOld();
    const known = this.#entries.get(own);
    if (known !== undefined) {
      if (known.request !== request || known.digest !== digest) {
        throw agentErrors.keyReused({ key, first: known.request, now: request });
      }
      return known.answer;
    }
    const answer = run();
    this.#entries.set(own, { request, digest, answer, atMs: this.#clock.monotonicMs() });
    // A failure is not kept: nothing was left behind by it, so the retry may succeed.
    answer.catch(() => this.#entries.delete(own));
    return answer;
  }

  #forgetOld(): void {
    const oldest = this.#clock.monotonicMs() - KEEP_MS;
    for (const [key, entry] of this.#entries) {
      if (entry.atMs > oldest && this.#entries.size < MAX_KEYS) return;
      this.#entries.delete(key);
    }
  }
}
