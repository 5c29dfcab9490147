import type { Clock } from '../base/effects.ts';

/** One milestone of a launch. */
export interface Milestone {
  readonly name: string;
  readonly microseconds: number;
}

/** Begins the names of milestones of the monitor. */
export const MONITOR = 'monitor: ';

/** Notes when the milestones of one launch were passed, in microseconds since it was made. */
export class Timeline {
  readonly #clock: Clock;
  readonly #beganMs: number;
  readonly #milestones: Milestone[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#beganMs = clock.monotonicMs();
  }

  mark(name: string): void {
    this.#milestones.push({ name, microseconds: this.#elapsed() });
  }

  /**
   * All milestones in order of time.
   *
   * @param sentAt name of our milestone at which the monitor's clock begins
   * @param monitor the monitor's own milestones, in microseconds since then
   */
  merged(sentAt: string, monitor: ReadonlyMap<string, number>): readonly Milestone[] {
    const offset = this.#milestones.find(({ name }) => name === sentAt)?.microseconds ?? 0;
    const theirs = [...monitor].map(([name, microseconds]) => ({
      name: `${MONITOR}${name}`,
      microseconds: offset + microseconds,
    }));
    return [...this.#milestones, ...theirs].sort((a, b) => a.microseconds - b.microseconds);
  }

  #elapsed(): number {
    return Math.round((this.#clock.monotonicMs() - this.#beganMs) * 1000);
  }
}
