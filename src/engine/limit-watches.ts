import { withDeadline } from '../base/deadline.ts';
import type { Clock } from '../base/effects.ts';
import type { Isolator, LimitWatch } from '../isolators/isolator.ts';
import type { Launcher } from '../launcher/launcher.ts';
import { isErrorOfKind } from '../model/error.ts';
import type { Limitation } from '../model/exit-status.ts';
import type { Container } from './container.ts';
import type { EngineMetrics } from './diagnostics/engine-metrics.ts';
import { engineErrors } from './errors.ts';
import type { Events } from './events.ts';
import { aboutContainer } from './happenings.ts';
import { LimitPolls } from './limit-polls.ts';
import type { EngineProblem } from './problem.ts';

export interface LimitWatchesOptions {
  readonly clock: Clock;
  readonly launcher: Pick<Launcher, 'watchGroup'>;
  readonly events: Pick<Events, 'emit'>;
  readonly report: (problem: EngineProblem) => void;
  readonly metrics: Pick<EngineMetrics, 'limitHit'>;
}

/** A watch costs the engine a quarter of a millisecond: launches do not wait for it, short lives do without. */
const BEGIN_DELAY_MS = 250;
/** Watches for containers of an earlier engine take less than half of the engine's time. */
const APART_MS = 1;
/** v1 tells before it kills (mm/memcontrol-v1.c, memcg1_oom_prepare), so what it tells of may be there only later. */
const LOOKS_MS = { events: [0], outOfMemory: [0, 20, 100, 500] } as const;
/** A container that runs into its limit without end costs the engine no more than a look in this time. */
const REST_MS = 250;
const ASK_DEADLINE_MS = 10_000;
const RETRY_MS = { first: 1_000, last: 60_000 } as const;

/** SIGKILL, signal(7). */
const SIGKILL = 9;

type KernelWatch = Exclude<LimitWatch, { readonly kind: 'polled' }>;

interface Entry {
  readonly container: Container;
  readonly isolator: Isolator;
  readonly signal: AbortSignal;
  readonly delayMs: number;
  isDue: boolean;
  isLooking: boolean;
}

/**
 * Tells that a bound of a running container was hit, as it happens: an isolator says what is to be watched, and is asked
 * for the limitation whenever that has something to say. What was told is kept with the container until its end.
 */
export class LimitWatches {
  readonly #options: LimitWatchesOptions;
  readonly #stops = new Map<string, AbortController>();
  readonly #polls: LimitPolls;

  constructor(options: LimitWatchesOptions) {
    this.#options = options;
    this.#polls = new LimitPolls(options.clock);
  }

  /** Watches every bound that the container has by now and that is not watched yet; until its end or `close`. */
  begin(container: Container, delayMs: number = BEGIN_DELAY_MS): void {
    for (const isolator of container.isolators) {
      const source = isolator.watch?.(container.isolated());
      const key = `${container.uid} ${isolator.name}`;
      if (source === undefined || this.#stops.has(key)) continue;
      const stop = new AbortController();
      this.#stops.set(key, stop);
      void container.ended.then(() => stop.abort());
      const entry = { container, isolator, signal: stop.signal, delayMs, isDue: false, isLooking: false };
      stop.signal.addEventListener('abort', () => this.#stops.delete(key), { once: true });
      this.#begin(entry, source);
    }
  }

  /**
   * The same of all that an earlier engine has left, one after the other, so that no request waits for a thousand of them.
   * What happened meanwhile is found by the look that each watch begins with.
   */
  beginAll(containers: readonly Container[]): void {
    for (const [index, container] of containers.entries()) this.begin(container, BEGIN_DELAY_MS + index * APART_MS);
  }

  #begin(entry: Entry, source: LimitWatch): void {
    if (source.kind !== 'polled') void this.#follow(entry, source);
    else if (source.everyMs === undefined) this.#polls.add(() => this.#bound(entry), entry.signal);
    else void this.#polls.pace(() => this.#measure(entry), source.everyMs, entry.signal);
  }

  /** Keeps and tells a limitation, unless it was told already. */
  note(container: Container, limitation: Limitation): void {
    const knownTimes = container.limitationTimes(limitation.isolator);
    if (!container.addLimitation(limitation)) return;
    const { metrics, events, clock } = this.#options;
    metrics.limitHit(limitation.resource, limitation.times - knownTimes);
    const kind = limitation.resource === 'memory' ? 'oom' : 'limitation';
    events.emit({ ...aboutContainer(container), kind, atMs: clock.nowMs(), limitation });
  }

  /** Containers go on; the next engine watches again. */
  close(): void {
    for (const stop of this.#stops.values()) stop.abort();
  }

  /** Never rejects: without it the limitation is told with the end. */
  async #follow(entry: Entry, source: KernelWatch): Promise<void> {
    const { clock, report } = this.#options;
    const { container, isolator, signal } = entry;
    try {
      await clock.sleep(entry.delayMs, signal);
      for (let pauseMs: number = RETRY_MS.first; ; pauseMs = Math.min(pauseMs * 2, RETRY_MS.last)) {
        try {
          await this.#watchOnce(entry, source);
          return;
        } catch (error) {
          if (!isErrorOfKind(error, 'unavailable', 'deadline-exceeded')) throw error;
          await clock.sleep(pauseMs, signal); // the helper was killed, and there is another by then
        }
      }
    } catch (error) {
      if (!signal.aborted) report({ what: `watching the bound of ${isolator.name}`, uid: container.uid, error });
    }
  }

  async #watchOnce(entry: Entry, source: KernelWatch): Promise<void> {
    const { signal } = entry;
    const watch = await this.#options.launcher.watchGroup(source, () => this.#lookSoon(entry, LOOKS_MS[source.kind]));
    const stop = (): void => watch.stop();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    this.#lookSoon(entry, [0]); // it may have been hit before it was watched
    try {
      await watch.over;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Never rejects. However long it takes, its own deadline aside: a tree may be large. */
  async #measure(entry: Entry): Promise<void> {
    const { container, isolator, signal } = entry;
    try {
      await isolator.measure?.(container.isolated());
    } catch (error) {
      if (!signal.aborted) this.#options.report({ what: `counting for ${isolator.name}`, uid: container.uid, error });
      return;
    }
    if (!signal.aborted) await this.#bound(entry);
  }

  /** Never rejects. */
  async #bound(entry: Entry): Promise<void> {
    const { container, isolator, signal } = entry;
    try {
      if ((await this.#ask(entry)) !== undefined) await container.link?.signal(SIGKILL);
    } catch (error) {
      // It has ended meanwhile, or is about to.
      if (signal.aborted || isErrorOfKind(error, 'failed-precondition', 'unavailable')) return;
      this.#options.report({ what: `bound of ${isolator.name}`, uid: container.uid, error });
    }
  }

  /** However often it is called, one look is under way and one more follows. */
  #lookSoon(entry: Entry, looksMs: readonly number[]): void {
    entry.isDue = true;
    if (entry.isLooking) return;
    entry.isLooking = true;
    void this.#look(entry, looksMs).finally(() => {
      entry.isLooking = false;
    });
  }

  async #look(entry: Entry, looksMs: readonly number[]): Promise<void> {
    const { clock, report } = this.#options;
    const { container, isolator, signal } = entry;
    try {
      while (entry.isDue && !signal.aborted) {
        entry.isDue = false;
        const known = container.limitationTimes(isolator.name);
        for (const ms of looksMs) {
          if (ms > 0) await clock.sleep(ms, signal);
          const limitation = await this.#ask(entry);
          if (limitation !== undefined && limitation.times > known) break;
        }
        await clock.sleep(REST_MS, signal);
      }
    } catch (error) {
      if (!signal.aborted) report({ what: `limitation of ${isolator.name}`, uid: container.uid, error });
    }
  }

  async #ask({ container, isolator, signal }: Entry): Promise<Limitation | undefined> {
    const asked = Promise.resolve(isolator.limitation?.(container.isolated()));
    const limitation = await withDeadline(this.#options.clock, asked, {
      ms: ASK_DEADLINE_MS,
      expired: () => engineErrors.overdue({ what: `limitation of ${isolator.name}`, ms: ASK_DEADLINE_MS }),
      signal,
    });
    if (limitation !== undefined && container.termination === undefined) this.note(container, limitation);
    return limitation;
  }
}
