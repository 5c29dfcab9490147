import { withDeadline } from '../base/deadline.ts';
import type { Clock } from '../base/effects.ts';
import { type Worker, workerErrors } from '../linux/helper-worker.ts';
import type { DiskMeasurement, DiskUse } from '../model/disk-quota.ts';
import { EngineError, systemErrorCode } from '../model/error.ts';
import type { Step } from '../model/wire.ts';
import { launcherErrors } from './errors.ts';

/** More than workers wait at any time: after so many it is not their waiting that ends them. */
const MAX_TRIES = 10;
/** A tree of millions of files takes minutes to remove; what takes longer hangs on a device, and must not hold a place. */
const LIST_DEADLINE_MS = 10 * 60_000;

export interface StepRunnerOptions {
  readonly clock: Clock;
  readonly takeWorker: () => Promise<Worker>;
  /** Lists of steps that run at once; more wait their turn. */
  readonly width: number;
}

/**
 * Runs lists of host steps, and what else can be repeated, in workers that are kept: the end of a container costs two such lists, and a fork for each
 * would take the workers that the next launch is waiting for.
 */
export class StepRunner {
  readonly #options: StepRunnerOptions;
  readonly #kept: Worker[] = [];
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #closed = false;

  constructor(options: StepRunnerOptions) {
    this.#options = options;
  }

  /**
   * Runs steps in order, up to the first that fails.
   *
   * @param steps idempotent ones: they are run again when a worker turns out to be gone
   * @throws {EngineError} `helper-worker.stepFailed`, `helper-worker.diskFull`, `launcher.unavailable`,
   *   `launcher.stepsOverdue` (deadline-exceeded)
   */
  run(steps: readonly Step[]): Promise<void> {
    return this.use(`steps that begin with ${steps[0]?.op ?? 'none'}`, (worker) => worker.run(steps));
  }

  /**
   * Counts what trees take on disk.
   *
   * @throws {EngineError} `helper-worker.unmeasurable`, `launcher.unavailable`, `launcher.stepsOverdue`
   */
  measure(measurement: DiskMeasurement): Promise<DiskUse> {
    return this.use('the counting of what is on disk', (worker) => worker.measure(measurement));
  }

  /**
   * Gives a worker to a job, once there is one.
   *
   * @param job idempotent: it is done again when a worker turns out to be gone
   * @throws {EngineError} what the job throws, `launcher.unavailable`, `launcher.stepsOverdue` (deadline-exceeded)
   */
  async use<Value>(what: string, job: (worker: Worker) => Promise<Value>): Promise<Value> {
    // Asked again after each wait: who comes in the same moment as a place gets free may have taken it.
    while (this.#running >= this.#options.width) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
    try {
      return await this.#runInKept(what, job);
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  /** Lets the kept workers go; what runs goes on. */
  close(): void {
    this.#closed = true;
    for (const worker of this.#kept.splice(0)) worker.close();
  }

  async #runInKept<Value>(what: string, job: (worker: Worker) => Promise<Value>): Promise<Value> {
    for (let tries = 1; ; tries += 1) {
      try {
        const worker = this.#kept.pop() ?? (await this.#options.takeWorker());
        return await this.#runIn(worker, what, job(worker));
      } catch (error) {
        // Else it died with its fork server while it waited, as all that waited there.
        if (!isGone(error) || tries === MAX_TRIES) throw error;
      }
    }
  }

  async #runIn<Value>(worker: Worker, what: string, doing: Promise<Value>): Promise<Value> {
    try {
      const value = await withDeadline(this.#options.clock, doing, {
        ms: LIST_DEADLINE_MS,
        expired: () => launcherErrors.stepsOverdue({ what, ms: LIST_DEADLINE_MS }),
      });
      this.#keep(worker);
      return value;
    } catch (error) {
      if (isGone(error) || isOverdue(error)) worker.close();
      else this.#keep(worker);
      throw error;
    }
  }

  #keep(worker: Worker): void {
    if (this.#closed) worker.close();
    else this.#kept.push(worker);
  }
}

function isOverdue(error: unknown): boolean {
  return error instanceof EngineError && error.kind === 'deadline-exceeded';
}

const GONE = workerErrors.gone({ during: '' }).code;

function isGone(error: unknown): boolean {
  if (error instanceof EngineError) return error.code === GONE;
  return ['EPIPE', 'ECONNRESET'].includes(systemErrorCode(error) ?? '');
}
