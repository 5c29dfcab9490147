import type { Clock } from '../base/effects.ts';
import type { MetricRegistry } from '../base/metrics.ts';
import { type FinishedSpan, otlpTraces, type TelemetryResource } from './otlp-json.ts';

/** What became of a request with spans. */
export type SendOutcome = 'taken' | 'refused' | 'try again';

export interface SpanExporterOptions {
  readonly clock: Clock;
  readonly resource: TelemetryResource;
  readonly registry: MetricRegistry;
  /** Sends one body. Rejects when nobody could be reached. */
  readonly send: (body: string) => Promise<SendOutcome>;
  /** Told once when spans begin to be lost, until some are taken again. */
  readonly report: (problem: { readonly what: string; readonly error?: unknown }) => void;
}

/** Spans that wait; more are dropped and counted. */
const MAX_WAITING = 2048;
const MAX_IN_REQUEST = 512;
/** A request is sent so long after the first span, or when it is full. */
const DELAY_MS = 5_000;
const RETRY_PAUSES_MS = [1_000, 3_000];

/** Sends spans to a collector, many at a time, in the background: nobody waits for it, and memory stays bounded. */
export class SpanExporter {
  readonly #options: SpanExporterOptions;
  readonly #exported;
  readonly #dropped;
  readonly #closed = new AbortController();
  #waiting: FinishedSpan[] = [];
  #cancelTimer: (() => void) | undefined;
  #sending: Promise<void> | undefined;
  #isFailing = false;

  constructor(options: SpanExporterOptions) {
    this.#options = options;
    const { registry } = options;
    this.#exported = registry.counter({
      name: 'isopod_spans_exported_total',
      help: 'Spans that the collector has taken.',
    });
    this.#dropped = registry.counter({
      name: 'isopod_spans_dropped_total',
      help: 'Spans that were lost: too many waited, or the collector did not take them.',
    });
  }

  add(span: FinishedSpan): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#dropped.increment();
      return;
    }
    this.#waiting.push(span);
    if (this.#waiting.length >= MAX_IN_REQUEST) this.#sendSoon();
    else this.#cancelTimer ??= this.#options.clock.after(DELAY_MS, () => this.#sendSoon());
  }

  /** Sends what waits, and takes no more time than that. */
  async close(deadlineMs: number): Promise<void> {
    this.#sendSoon();
    const { clock } = this.#options;
    const over = new AbortController();
    const late = clock.sleep(deadlineMs, over.signal).catch(() => {});
    await Promise.race([this.#sending, late]);
    over.abort();
    this.#closed.abort();
    this.#cancelTimer?.();
    this.#dropped.add(this.#waiting.length);
    this.#waiting = [];
  }

  #sendSoon(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#closed.signal.aborted) {
      const batch = this.#waiting.splice(0, MAX_IN_REQUEST);
      if (await this.#sendBatch(JSON.stringify(otlpTraces(batch, this.#options.resource)))) {
        this.#exported.add(batch.length);
        this.#isFailing = false;
      } else {
        this.#dropped.add(batch.length);
      }
    }
  }

  /** @returns whether it was taken. Never rejects. */
  async #sendBatch(body: string): Promise<boolean> {
    for (const pauseMs of [...RETRY_PAUSES_MS, undefined]) {
      let error: unknown;
      try {
        const outcome = await this.#options.send(body);
        if (outcome === 'taken') return true;
        error = new Error(`the collector has answered: ${outcome}`);
        if (outcome === 'refused') return this.#fail(error);
      } catch (failure) {
        error = failure;
      }
      if (pauseMs === undefined || this.#closed.signal.aborted) return this.#fail(error);
      await this.#options.clock.sleep(pauseMs, this.#closed.signal).catch(() => {});
    }
    return false;
  }

  #fail(error: unknown): false {
    if (!this.#isFailing) this.#options.report({ what: 'spans are lost: the collector does not take them', error });
    this.#isFailing = true;
    return false;
  }
}
