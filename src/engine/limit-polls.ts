import type { Clock } from '../base/effects.ts';

const PERIOD_MS = 1_000;
/** Rounds that take long come rarer: what is not looking is nine times as long. */
const REST_PER_LOOK = 9;

/** Looks at every bound that nobody else looks after, one after the other, by one timer for all. */
export class LimitPolls {
  readonly #clock: Clock;
  readonly #looks = new Set<() => Promise<void>>();
  #isRunning = false;
  /** Aborts when nobody is left: an engine that closes must not leave a timer behind. */
  #idle = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param look never rejects; called about each second until the signal aborts */
  add(look: () => Promise<void>, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#looks.add(look);
    const remove = (): void => {
      this.#looks.delete(look);
      if (this.#looks.size === 0) this.#idle.abort();
    };
    signal.addEventListener('abort', remove, { once: true });
    if (!this.#isRunning) void this.#run();
  }

  /**
   * Looks at one bound alone, for it takes long: no more often than `everyMs`, and no longer than it rests.
   *
   * @param look never rejects
   */
  async pace(look: () => Promise<void>, everyMs: number, signal: AbortSignal): Promise<void> {
    let restMs = everyMs;
    while (!signal.aborted) {
      try {
        await this.#clock.sleep(restMs, signal);
      } catch {
        return; // it has ended
      }
      const startedMs = this.#clock.monotonicMs();
      await look();
      restMs = Math.max(everyMs, this.#clock.monotonicMs() - startedMs);
    }
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    let restMs = PERIOD_MS;
    while (this.#looks.size > 0) {
      this.#idle = new AbortController();
      try {
        await this.#clock.sleep(restMs, this.#idle.signal);
      } catch {
        continue; // nobody is left, or somebody new has come since
      }
      const startedMs = this.#clock.monotonicMs();
      for (const look of this.#looks) await look();
      restMs = Math.max(PERIOD_MS, (this.#clock.monotonicMs() - startedMs) * REST_PER_LOOK);
    }
    this.#isRunning = false;
  }
}
