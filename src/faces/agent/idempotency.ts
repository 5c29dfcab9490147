import type { Clock } from '../../base/effects.ts';
import { agentErrors } from './errors.ts';
import type { Answer } from './router.ts';

const MAX_KEYS = 512;
const KEEP_MS = 5 * 60_000;

interface Entry {
  readonly request: string;
  readonly answer: Promise<Answer>;
  readonly atMs: number;
}

/**
 * Answers of mutating requests by the key that the client chose, so that a retry gets the first answer and does
 * nothing twice. Bounded: the oldest go when 512 are kept, each after 5 minutes.
 */
export class IdempotentAnswers {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @param call.of whose key it is: what one caller was answered is nobody else's
   * @param call.request method and path, to notice a key that is used for two things
   * @throws {EngineError} `agent.keyReused`
   */
  answer(call: { key: string; of: string; request: string }, run: () => Promise<Answer>): Promise<Answer> {
    const { key, request } = call;
    const own = JSON.stringify([call.of, key]);
    this.#forgetOld();
    const known = this.#entries.get(own);
    if (known !== undefined) {
      if (known.request !== request) throw agentErrors.keyReused({ key, first: known.request, now: request });
      return known.answer;
    }
    const answer = run();
    this.#entries.set(own, { request, answer, atMs: this.#clock.monotonicMs() });
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
