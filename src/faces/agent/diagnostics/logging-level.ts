import type { Clock } from '../../../base/effects.ts';

/** From what says all to what says next to nothing; the names are pino's. */
export const LOGGING_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LoggingLevelName = (typeof LOGGING_LEVELS)[number];

/** A logger whose level can be changed while it works; one of pino is. */
export interface LeveledLog {
  level: string;
}

export interface LoggingLevelStatus {
  readonly level: LoggingLevelName;
  /** Present while the level is for a time only. */
  readonly until?: { readonly atMs: number; readonly former: LoggingLevelName };
}

/** A day: what is longer is forgotten by whoever asked for it, and fills the disk. */
export const MAX_DURATION_MS = 24 * 60 * 60_000;

/** How much the agent writes into its log: for good, or for a time after which it is as before. */
export class LoggingLevel {
  readonly #clock: Clock;
  readonly #log: LeveledLog;
  #temporary: { readonly atMs: number; readonly former: LoggingLevelName; readonly cancel: () => void } | undefined;

  constructor(clock: Clock, log: LeveledLog) {
    this.#clock = clock;
    this.#log = log;
  }

  get status(): LoggingLevelStatus {
    const level = nameOf(this.#log.level);
    if (this.#temporary === undefined) return { level };
    const { atMs, former } = this.#temporary;
    return { level, until: { atMs, former } };
  }

  /**
   * @param durationMs after which the level is what it was before; one that is set meanwhile keeps that former level.
   *   Without it the level stays until the agent ends.
   */
  set(level: LoggingLevelName, durationMs?: number): void {
    const former = this.#temporary?.former ?? nameOf(this.#log.level);
    this.#temporary?.cancel();
    this.#temporary = undefined;
    this.#log.level = level;
    if (durationMs === undefined) return;
    const cancel = this.#clock.after(durationMs, () => {
      this.#temporary = undefined;
      this.#log.level = former;
    });
    this.#temporary = { atMs: this.#clock.nowMs() + durationMs, former, cancel };
  }

  /** No timer of ours keeps the process. */
  close(): void {
    this.#temporary?.cancel();
    this.#temporary = undefined;
  }
}

function nameOf(level: string): LoggingLevelName {
  return LOGGING_LEVELS.find((name) => name === level) ?? 'info';
}
