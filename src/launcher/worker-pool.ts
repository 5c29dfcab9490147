import type { Effects, HelperConnection } from '../base/effects.ts';
import { expectHello, type Worker, workerFrom } from '../linux/helper-worker.ts';
import { type EngineError, systemErrorCode } from '../model/error.ts';
import { launcherErrors } from './errors.ts';

export interface WorkerPoolOptions {
  readonly effects: Effects;
  readonly socketPath: string;
  /** Starts a fork server on `socketPath`; called when nobody listens there, and when nobody answers in time, to see to who does not. */
  readonly startForkServer: () => Promise<void>;
  /** Workers kept connected and idle, so that a launch need not wait for a fork. */
  readonly idleWorkers: number;
  /** How long a connection and its hello may take. */
  readonly connectDeadlineMs: number;
}

/** A worker that has said hello and was not asked for anything yet. */
export interface IdleWorker {
  readonly connection: HelperConnection;
  readonly pid: number;
}

/** Keeps a few connected workers ready; each is used for one launch, one job, or a list of steps. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  #idle: IdleWorker[] = [];
  #filling: Promise<void> | undefined;
  #starting: Promise<void> | undefined;
  #closed = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  /** @throws {EngineError} `launcher.unavailable` when no fork server can be had */
  async take(): Promise<IdleWorker> {
    const worker = this.#idle.shift() ?? (await this.#connect());
    // Half of them at once: a loop that wakes for one takes another along for next to nothing.
    if (this.#idle.length * 2 <= this.#options.idleWorkers) this.#refillLater();
    return worker;
  }

  /**
   * A worker in place of one that died before it did anything: its fork server is gone, and so are, or soon will be, all
   * that wait beside it. @throws as `take`
   */
  async replace(): Promise<IdleWorker> {
    for (const worker of this.#idle.splice(0)) worker.connection.close();
    const worker = await this.#connect();
    this.#refillLater();
    return worker;
  }

  /** A worker for jobs; the caller closes it. */
  async takeWorker(): Promise<Worker> {
    const { connection, pid } = await this.take();
    return workerFrom(connection, pid);
  }

  /** A worker that is forked now, none that waited: that the fork server answers is known afterwards. The caller closes it. */
  async freshWorker(): Promise<Worker> {
    const { connection, pid } = await this.#connect();
    return workerFrom(connection, pid);
  }

  /** Connects the idle workers now, so that the first launch finds them. */
  async warm(): Promise<void> {
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined;
    });
    await this.#filling;
  }

  /** Lets the idle workers go. */
  close(): void {
    this.#closed = true;
    for (const worker of this.#idle.splice(0)) worker.connection.close();
  }

  /** After the launch at hand is over: a fork, and what it does to the memory of the fork server, would slow it down. */
  #refillLater(): void {
    if (this.#closed || this.#filling !== undefined) return;
    this.#filling = this.#options.effects.clock
      .sleep(REFILL_DELAY_MS)
      .then(() => this.#fill())
      .catch(() => {})
      .finally(() => {
        this.#filling = undefined;
      });
  }

  async #fill(): Promise<void> {
    while (!this.#closed && this.#idle.length < this.#options.idleWorkers) {
      const missing = Array.from({ length: this.#options.idleWorkers - this.#idle.length }, () => this.#connectIdle());
      for (const result of await Promise.allSettled(missing)) if (result.status === 'rejected') throw result.reason;
    }
  }

  async #connectIdle(): Promise<void> {
    const worker = await this.#connect();
    if (this.#closed) {
      worker.connection.close();
      return;
    }
    this.#idle.push(worker);
    void worker.connection.closed.then(() => {
      this.#idle = this.#idle.filter((idle) => idle !== worker);
    });
  }

  async #connect(): Promise<IdleWorker> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#connectOnce();
      } catch (error) {
        // One that has just been started may be killed as well.
        const isSeenTo = isNobodyThere(error) || isLate(error);
        if (!isSeenTo || tries > MAX_STARTS) throw this.#unavailable(error);
      }
      await this.#start().catch((error: unknown) => {
        if (tries === MAX_STARTS) throw this.#unavailable(error);
      });
    }
  }

  #unavailable(cause: unknown): EngineError {
    return launcherErrors.unavailable({ socketPath: this.#options.socketPath }, cause);
  }

  async #connectOnce(): Promise<IdleWorker> {
    const { effects, socketPath, connectDeadlineMs } = this.#options;
    const late = new AbortController();
    const cancel = effects.clock.after(connectDeadlineMs, () => {
      late.abort(launcherErrors.workerLate({ socketPath, ms: connectDeadlineMs }));
    });
    try {
      const connection = await effects.helper.connect(socketPath, late.signal);
      try {
        return { connection, pid: await expectHello(connection, late.signal) };
      } catch (error) {
        connection.close();
        throw error;
      }
    } finally {
      cancel();
    }
  }

  /** Several launches that find no fork server start one between them. */
  #start(): Promise<void> {
    this.#starting ??= this.#options.startForkServer().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }
}

const REFILL_DELAY_MS = 10;
const MAX_STARTS = 3;

function isLate(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'launcher.workerLate';
}

/** No socket, no listener, or a fork server that died between accept and hello. */
function isNobodyThere(error: unknown): boolean {
  const code = systemErrorCode(error);
  if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ECONNRESET') return true;
  return error instanceof Error && 'code' in error && error.code === 'helper-worker.gone';
}
