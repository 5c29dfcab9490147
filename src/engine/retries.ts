import type { Clock } from '../base/effects.ts';
import type { EngineProblem } from './problem.ts';

const FIRST_PAUSE_MS = 1_000;
const LAST_PAUSE_MS = 60_000;

/** Work that must be done some time and that nobody waits for: tried again, later and later, until the engine closes. */
export class Retries {
  readonly #clock: Clock;
  readonly #report: (problem: EngineProblem) => void;
  readonly #closed = new AbortController();
  #running = 0;

  constructor(clock: Clock, report: (problem: EngineProblem) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  get isIdle(): boolean {
    return this.#running === 0;
  }

  /** Works that are not done. */
  get count(): number {
    return this.#running;
  }

  /** Tries until it succeeds; never rejects. What an engine that closes leaves undone, the next one finds. */
  async run(work: {
    readonly what: string;
    readonly uid: string;
    readonly attempt: () => Promise<void>;
  }): Promise<void> {
    this.#running += 1;
    try {
      for (let pauseMs = FIRST_PAUSE_MS; !this.#closed.signal.aborted; pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS)) {
        if ((await this.#try(work, pauseMs)) || !(await this.#pause(pauseMs))) return;
      }
    } finally {
      this.#running -= 1;
    }
  }

  close(): void {
    this.#closed.abort();
  }

  async #try(
    { what, uid, attempt }: { readonly what: string; readonly uid: string; readonly attempt: () => Promise<void> },
    pauseMs: number,
  ): Promise<boolean> {
    try {
      await attempt();
      return true;
    } catch (error) {
      this.#report({ what: `${what}: tried again in ${pauseMs} ms`, uid, error });
      return false;
    }
  }

  #pause(ms: number): Promise<boolean> {
    return this.#clock.sleep(ms, this.#closed.signal).then(
      () => true,
      () => false, // closed
    );
  }
}
