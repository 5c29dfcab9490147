import type { Clock } from '../base/effects.ts';
import type { Operation, OperationTracker } from './diagnostics/operation-tracker.ts';
import type { EngineProblem } from './problem.ts';

const FIRST_PAUSE_MS = 1_000;
const LAST_PAUSE_MS = 60_000;

/** What is done, for which container. */
export interface Work {
  readonly what: string;
  readonly uid: string;
  readonly attempt: () => Promise<void>;
}

/** Work that must be done some time and that nobody waits for: tried again, later and later, until the engine closes. */
export class Retries {
  readonly #clock: Clock;
  readonly #report: (problem: EngineProblem) => void;
  readonly #operations: OperationTracker;
  readonly #closed = new AbortController();
  #running = 0;

  constructor(clock: Clock, report: (problem: EngineProblem) => void, operations: OperationTracker) {
    this.#clock = clock;
    this.#report = report;
    this.#operations = operations;
  }

  get isIdle(): boolean {
    return this.#running === 0;
  }

  /** Works that are not done. */
  get count(): number {
    return this.#running;
  }

  /** Tries until it succeeds; never rejects. What an engine that closes leaves undone, the next one finds. */
  async run(work: Work): Promise<void> {
    this.#running += 1;
    const { what: subject, uid: container } = work;
    try {
      await this.#operations.run({ kind: 'background', subject, container }, (operation) =>
        this.#untilDone(work, operation),
      );
    } finally {
      this.#running -= 1;
    }
  }

  close(): void {
    this.#closed.abort();
  }

  async #untilDone(work: Work, operation: Operation): Promise<void> {
    for (let tries = 1, pauseMs = FIRST_PAUSE_MS; !this.#closed.signal.aborted; tries += 1) {
      if (await this.#try(work, pauseMs)) return;
      operation.note = `failed ${tries} times; tried again every ${pauseMs} ms`;
      if (!(await this.#pause(pauseMs))) return;
      pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS);
    }
  }

  async #try({ what, uid, attempt }: Work, pauseMs: number): Promise<boolean> {
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
