import type { Clock } from '../../src/base/effects.ts';
import type { Scheduler } from './scheduler.ts';

/** One life of the engine's process: when it is killed, nothing that it began is finished. */
export class Incarnation {
  isAlive = true;
  /** Effects that this engine has made so far. */
  effects = 0;
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Runs at a moment that the scheduler chooses, unless the process is dead by then; the promise then never settles. */
  effect<Result>(what: string, run: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#scheduler.post(what, () => {
        if (!this.isAlive) return;
        this.effects += 1;
        try {
          resolve(run());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  clock(): Clock {
    return {
      nowMs: () => this.#scheduler.nowMs,
      monotonicMs: () => this.#scheduler.nowMs,
      sleep: (delayMs, signal) => this.#sleep(delayMs, signal),
      after: (delayMs, run) =>
        this.#scheduler.after(delayMs, () => {
          if (this.isAlive) run();
        }),
    };
  }

  #sleep(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const cancel = this.#scheduler.after(delayMs, () => {
        if (this.isAlive) resolve();
      });
      signal?.addEventListener('abort', () => {
        cancel();
        reject(signal.reason);
      });
    });
  }
}
