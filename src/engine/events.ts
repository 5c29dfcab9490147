import type { Clock } from '../base/effects.ts';
import { engineErrors } from './errors.ts';
import type { EngineEvent, EventGap, EventPosition, EventQuery, Happening, PositionedHappening } from './event.ts';
import { isWantedEvent } from './event-filter.ts';

/** Events that are kept for readers that lag or come back. */
export const MAX_KEPT_EVENTS = 4096;
/** What they may weigh together as JSON: labels are of a caller's making. */
export const MAX_KEPT_BYTES = 8 << 20;

const POSITION = /^([0-9a-f]{8})-(\d{1,15})$/;

/** What one life of an engine leaves to the next: the events that are kept, in order. */
export interface EventHistory {
  /** Eight hex digits. */
  readonly epoch: string;
  /** Of the last event; 0 before the first. */
  readonly lastNumber: number;
  /** Nothing is known of what happened before. */
  readonly knownSinceMs: number;
  readonly kept: readonly PositionedHappening[];
}

interface Kept {
  readonly event: PositionedHappening;
  readonly weightBytes: number;
}

/**
 * The order of all that happens. The last events are kept once for all readers, each of which is only a place in the
 * order: one that lags costs nobody anything, and finds a gap where its next events were.
 */
export class Events {
  readonly #clock: Clock;
  readonly #epoch: string;
  #kept: Kept[];
  #keptBytes = 0;
  #lastNumber: number;
  /** Nothing older is known. */
  #knownSinceMs: number;
  readonly #wakes = new Set<() => void>();
  #closed = false;

  constructor(clock: Clock, history: EventHistory) {
    this.#clock = clock;
    this.#epoch = history.epoch;
    this.#lastNumber = history.lastNumber;
    this.#knownSinceMs = history.knownSinceMs;
    this.#kept = [];
    for (const event of history.kept) this.#keep(event);
  }

  emit(happening: Happening): void {
    this.#lastNumber += 1;
    this.#keep({ ...happening, position: this.#positionOf(this.#lastNumber) });
    for (const wake of [...this.#wakes]) wake();
  }

  /** The place of the last event by now. */
  get position(): EventPosition {
    return this.#positionOf(this.#lastNumber);
  }

  /**
   * Events until the signal aborts, the moment that the query names has come, or the engine closes.
   *
   * @throws {EngineError} `engine.badPosition`, `engine.twoBeginnings` (invalid-argument), before anything is read
   */
  subscribe(signal: AbortSignal, query: EventQuery = {}): AsyncIterable<EngineEvent> {
    const { next, gap } = this.#beginning(query);
    return this.#read(next, { signal, query, gap });
  }

  /** Ends every reader that has read all. */
  close(): void {
    this.#closed = true;
    for (const wake of [...this.#wakes]) wake();
  }

  history(): EventHistory {
    const kept = this.#kept.map(({ event }) => event);
    return { epoch: this.#epoch, lastNumber: this.#lastNumber, knownSinceMs: this.#knownSinceMs, kept };
  }

  /** @returns the number of the first event to read, and the gap before it */
  #beginning({ after, sinceMs }: EventQuery): { readonly next: number; readonly gap?: EventGap } {
    if (after !== undefined && sinceMs !== undefined) throw engineErrors.twoBeginnings();
    if (after !== undefined) return this.#afterPosition(after);
    if (sinceMs === undefined) return { next: this.#lastNumber + 1 };
    const first = this.#kept.findIndex(({ event }) => event.atMs >= sinceMs);
    const next = first < 0 ? this.#lastNumber + 1 : this.#oldest + first;
    return sinceMs < this.#knownSinceMs ? { next, gap: this.#gapBefore(next, 'unknown') } : { next };
  }

  #afterPosition(after: EventPosition): { readonly next: number; readonly gap?: EventGap } {
    const [, epoch, digits] = POSITION.exec(after) ?? [];
    if (epoch === undefined) throw engineErrors.badPosition({ position: after });
    const number = Number(digits);
    if (epoch === this.#epoch && number <= this.#lastNumber) return { next: number + 1 };
    // Of another epoch, or from the future of ours: nobody knows what is between.
    return { next: this.#oldest, gap: this.#gapBefore(this.#oldest, 'unknown') };
  }

  async *#read(
    first: number,
    reading: { readonly signal: AbortSignal; readonly query: EventQuery; readonly gap: EventGap | undefined },
  ): AsyncGenerator<EngineEvent> {
    const { signal, query, gap } = reading;
    if (gap !== undefined) yield gap;
    const waiter = new Waiter();
    const wake = (): void => waiter.wake();
    this.#wakes.add(wake);
    signal.addEventListener('abort', wake, { once: true });
    try {
      for (let next = first; !signal.aborted; ) {
        const oldest = this.#oldest;
        if (next < oldest) {
          yield this.#gapBefore(oldest, oldest - next);
          next = oldest;
          continue;
        }
        const event = this.#kept[next - oldest]?.event;
        if (event !== undefined) {
          next += 1;
          if (isWithin(event, query) && isWantedEvent(event, query)) yield event;
        } else if (this.#closed || !(await waiter.wait(this.#clock, query.untilMs))) {
          return;
        }
      }
    } finally {
      this.#wakes.delete(wake);
      signal.removeEventListener('abort', wake);
    }
  }

  #keep(event: PositionedHappening): void {
    const weightBytes = JSON.stringify(event).length;
    this.#kept.push({ event, weightBytes });
    this.#keptBytes += weightBytes;
    let dropped = 0;
    while (this.#kept.length - dropped > MAX_KEPT_EVENTS || this.#keptBytes > MAX_KEPT_BYTES) {
      const oldest = this.#kept[dropped];
      if (oldest === undefined) break;
      this.#keptBytes -= oldest.weightBytes;
      this.#knownSinceMs = Math.max(this.#knownSinceMs, oldest.event.atMs + 1);
      dropped += 1;
    }
    if (dropped > 0) this.#kept = this.#kept.slice(dropped);
  }

  /** Number of the oldest event that is kept; the next one's where none is. */
  get #oldest(): number {
    return this.#lastNumber - this.#kept.length + 1;
  }

  #positionOf(number: number): EventPosition {
    return `${this.#epoch}-${number}`;
  }

  #gapBefore(number: number, missed: EventGap['missed']): EventGap {
    return {
      ...{ subject: 'stream', kind: 'gap', missed },
      ...{ atMs: this.#clock.nowMs(), position: this.#positionOf(number - 1) },
    };
  }
}

function isWithin(
  { atMs }: PositionedHappening,
  { sinceMs = 0, untilMs = Number.POSITIVE_INFINITY }: EventQuery,
): boolean {
  return atMs >= sinceMs && atMs <= untilMs;
}

/** One reader's wait for more. */
class Waiter {
  #woken = Promise.withResolvers<void>();

  wake(): void {
    this.#woken.resolve();
  }

  /** @returns false when there is nothing to wait for any more */
  async wait(clock: Clock, untilMs: number | undefined): Promise<boolean> {
    const restMs = untilMs === undefined ? undefined : untilMs - clock.nowMs();
    if (restMs !== undefined && restMs <= 0) return false;
    const cancel = restMs === undefined ? undefined : clock.after(restMs, this.#woken.resolve);
    await this.#woken.promise;
    this.#woken = Promise.withResolvers<void>();
    cancel?.();
    return true;
  }
}
