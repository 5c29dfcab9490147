import { withDeadline } from '../base/deadline.ts';
import type { Clock } from '../base/effects.ts';
import type { Worker } from '../linux/helper-worker.ts';
import { EngineError } from '../model/error.ts';
import { mainErrors } from './errors.ts';
import type { ServiceSettings } from './service-settings.ts';

/** How often it is told that recovery goes on, and the time that is asked for each time. */
const RECOVERY_BEAT_MS = 10_000;
const RECOVERY_EXTENSION_US = 60_000_000;
/** How often the status is told where there is no watchdog. */
const STATUS_BEAT_MS = 30_000;
/** After what could not be said. */
const RETRY_MS = 1_000;
/** The helper itself waits 5 s for a manager that does not read. */
const ANSWER_DEADLINE_MS = 10_000;

export interface ServiceNoticesOptions {
  readonly clock: Clock;
  /** `undefined`: nobody wants to be told, and nothing is ever sent. */
  readonly settings: ServiceSettings | undefined;
  /** Told what could not be said, once until it can be again. */
  readonly report: (what: string, error: unknown) => void;
}

/**
 * Tells the service manager how it goes: that recovery takes its time, that it is done, that the agent is alive, that it ends.
 *
 * Each notice goes by a worker that the fork server forks for it. So a sign of life says both: our loop got to it in time, and the
 * fork server answered.
 */
export class ServiceNotices {
  readonly #options: ServiceNoticesOptions;
  readonly #over = new AbortController();
  #freshWorker: (() => Promise<Worker>) | undefined;
  #beating: Promise<void> = Promise.resolve();
  #next = new AbortController();
  #describe: (() => Promise<string>) | undefined;
  #inOurName = true;
  #failed = false;

  constructor(options: ServiceNoticesOptions) {
    this.#options = options;
  }

  /** From here on a fork server answers, and recovery is told to go on until `ready`. */
  begin(freshWorker: () => Promise<Worker>): void {
    if (this.#options.settings === undefined) return;
    this.#freshWorker = freshWorker;
    this.#beating = this.#beat();
  }

  /** Recovery is done. @param describe what the status says, asked each time */
  ready(describe: () => Promise<string>): void {
    this.#describe = describe;
    this.#next.abort();
  }

  /** The agent ends; the last notice. Resolves once it is said, or cannot be. */
  async stopping(): Promise<void> {
    this.#over.abort();
    await this.#beating;
    await this.#say(async () => ['STOPPING=1', 'STATUS=ends: answers what was asked; containers run on']);
  }

  /** Nothing more is said, but what is on its way. A second call does nothing. */
  close(): void {
    this.#over.abort();
  }

  async #beat(): Promise<void> {
    let isToldReady = false;
    while (!this.#over.signal.aborted) {
      const describe = this.#describe;
      const isSaid = await this.#say(() => (describe === undefined ? recovering() : alive(describe, isToldReady)));
      isToldReady ||= isSaid && describe !== undefined;
      const waited = AbortSignal.any([this.#over.signal, this.#next.signal]);
      await this.#options.clock.sleep(this.#pauseMs(isSaid), waited).catch(() => {});
      if (this.#describe !== undefined) this.#next = new AbortController();
    }
  }

  /** Twice in the time of the watchdog, see sd_watchdog_enabled(3); soon again what could not be said. */
  #pauseMs(isSaid: boolean): number {
    const watchdogMs = this.#options.settings?.watchdogMs;
    if (this.#describe === undefined) return RECOVERY_BEAT_MS;
    const usual = watchdogMs === undefined ? STATUS_BEAT_MS : watchdogMs / 2;
    return isSaid ? usual : Math.min(usual, RETRY_MS);
  }

  async #say(tell: () => Promise<readonly string[]>): Promise<boolean> {
    const { clock, settings, report } = this.#options;
    const freshWorker = this.#freshWorker;
    if (settings === undefined || freshWorker === undefined) return false;
    try {
      const state = (await tell()).join('\n');
      const worker = await freshWorker();
      try {
        await withDeadline(clock, this.#notify(worker, { socket: settings.socket, state }), {
          ms: ANSWER_DEADLINE_MS,
          expired: () => mainErrors.helperSilent({ during: 'a notice', deadlineMs: ANSWER_DEADLINE_MS }),
        });
      } finally {
        worker.close();
      }
      this.#failed = false;
      return true;
    } catch (error) {
      if (!this.#failed) report('the service manager could not be told', error);
      this.#failed = true;
      return false;
    }
  }

  /** Who may not speak in our name, for we are not root, speaks in its own: it is a process of our unit then. */
  async #notify(worker: Worker, message: { readonly socket: string; readonly state: string }): Promise<void> {
    try {
      await worker.notify({ ...message, inOurName: this.#inOurName });
    } catch (error) {
      if (!this.#inOurName || !isRefused(error)) throw error;
      this.#inOurName = false;
      await worker.notify({ ...message, inOurName: false });
    }
  }
}

async function recovering(): Promise<readonly string[]> {
  return [`EXTEND_TIMEOUT_USEC=${RECOVERY_EXTENSION_US}`, 'STATUS=finds the containers of the agent before'];
}

async function alive(describe: () => Promise<string>, isToldReady: boolean): Promise<readonly string[]> {
  const status = `STATUS=${await describe()}`;
  return isToldReady ? ['WATCHDOG=1', status] : ['READY=1', status];
}

function isRefused(error: unknown): boolean {
  return error instanceof EngineError && error.details.errno === 'EPERM';
}
