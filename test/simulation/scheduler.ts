/** Numbers that look random and are the same for the same seed (the generator known as mulberry32). */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** A whole number from 0 to `bound` - 1. */
  below(bound: number): number {
    return this.next() % bound;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }
}

/** How far promises may go on between two things that happen; what goes further does so after the next. */
const MICROTASK_HOPS = 12;

interface Action {
  readonly what: string;
  readonly run: () => void;
}

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
  cancelled: boolean;
}

/**
 * Decides, by its seed alone, which of all pending things happens next. Every effect of the engine and every move of
 * the fake kernel is such a thing, and each has a number: that is where a crash can be put.
 */
export class Scheduler {
  readonly random: SeededRandom;
  /** What happened, for a failing seed. */
  readonly trace: string[] = [];
  nowMs = 1_700_000_000_000;
  steps = 0;
  #ready: Action[] = [];
  #timers: Timer[] = [];

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  /** Something that may happen from now on, in any order with all others. */
  post(what: string, run: () => void): void {
    this.#ready.push({ what, run });
  }

  /** Something that happens when the time has come and nothing else is left to do. @returns what cancels it */
  after(delayMs: number, run: () => void): () => void {
    const timer: Timer = { atMs: this.nowMs + Math.max(0, delayMs), run, cancelled: false };
    this.#timers.push(timer);
    return () => {
      timer.cancelled = true;
    };
  }

  /** @returns false when nothing is left that could happen */
  async step(): Promise<boolean> {
    for (let hop = 0; hop < MICROTASK_HOPS; hop++) await undefined;
    // Time passes, and the end is the end, only when really nothing can go on.
    if (this.#ready.length === 0) await settled();
    const action = this.#takeReady() ?? this.#takeTimer();
    if (action === undefined) return false;
    this.steps += 1;
    this.trace.push(action.what);
    action.run();
    return true;
  }

  /** Whether anything could happen before this moment. */
  hasWorkUntil(ms: number): boolean {
    return this.#ready.length > 0 || this.#timers.some(({ atMs, cancelled }) => !cancelled && atMs <= ms);
  }

  #takeReady(): Action | undefined {
    if (this.#ready.length === 0) return undefined;
    const index = this.random.below(this.#ready.length);
    const last = this.#ready.pop() as Action;
    if (index === this.#ready.length) return last;
    const chosen = this.#ready[index] as Action;
    this.#ready[index] = last;
    return chosen;
  }

  #takeTimer(): Action | undefined {
    this.#timers = this.#timers.filter(({ cancelled }) => !cancelled).sort((a, b) => a.atMs - b.atMs);
    const timer = this.#timers.shift();
    if (timer === undefined) return undefined;
    this.nowMs = Math.max(this.nowMs, timer.atMs);
    return { what: `time passes to ${timer.atMs}`, run: timer.run };
  }
}

/** All promises that can go on have gone on. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
