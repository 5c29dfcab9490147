import type { Clock, Random } from '../base/effects.ts';
import type { Span, SpanAttributes, SpanOrigin, Tracer } from '../base/tracing.ts';
import { EngineError } from '../model/error.ts';
import type { FinishedSpan } from './otlp-json.ts';
import type { Sampler } from './sampler.ts';
import { parseTraceParent } from './trace-context.ts';

export interface RecordingTracerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly sampler: Sampler;
  /** Gets each span once it is over; must not wait. */
  readonly finished: (span: FinishedSpan) => void;
}

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const US_PER_MS = 1000;
/** Of texts in attributes and messages: whatever comes from outside is bounded. */
const MAX_TEXT = 1024;

/** Records spans; what becomes of them is another's business. */
export class RecordingTracer implements Tracer {
  readonly #options: RecordingTracerOptions;

  constructor(options: RecordingTracerOptions) {
    this.#options = options;
  }

  begin(name: string, { kind, traceparent, cause, attributes = {} }: SpanOrigin): Span | undefined {
    const { clock, sampler } = this.#options;
    const parent = parseTraceParent(traceparent);
    const traceId = parent?.traceId ?? this.#id(TRACE_ID_BYTES);
    if (!sampler(traceId, parent)) return undefined;
    // The wall clock is asked once a trace, and the rest of it told by the clock that never jumps.
    const offsetMs = clock.nowMs() - clock.monotonicMs();
    const link = cause instanceof RecordedSpan ? cause.place : undefined;
    return this.#record({ name, kind, traceId, parentSpanId: parent?.spanId, attributes, link, offsetMs });
  }

  #record(facts: Omit<SpanFacts, 'spanId'>): RecordedSpan {
    const { clock, finished } = this.#options;
    const begin = (part: Omit<SpanFacts, 'spanId'>): RecordedSpan => this.#record(part);
    return new RecordedSpan({ ...facts, spanId: this.#id(SPAN_ID_BYTES) }, { clock, finished, begin });
  }

  /** Never all zeros but by an accident that nobody lives to see. */
  #id(bytes: number): string {
    return Buffer.from(this.#options.random.bytes(bytes)).toString('hex');
  }
}

interface SpanFacts {
  readonly name: string;
  readonly kind: 'server' | 'internal';
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly attributes: SpanAttributes;
  readonly link?: FinishedSpan['link'];
  /** From the clock that never jumps to the wall clock. */
  readonly offsetMs: number;
}

interface SpanPorts {
  readonly clock: Clock;
  readonly finished: (span: FinishedSpan) => void;
  readonly begin: (part: Omit<SpanFacts, 'spanId'>) => RecordedSpan;
}

class RecordedSpan implements Span {
  readonly #facts: SpanFacts;
  readonly #ports: SpanPorts;
  readonly #beganMs: number;
  #name: string;
  #attributes: SpanAttributes;
  #isOver = false;

  constructor(facts: SpanFacts, ports: SpanPorts) {
    this.#facts = facts;
    this.#ports = ports;
    this.#beganMs = ports.clock.monotonicMs();
    this.#name = facts.name;
    this.#attributes = facts.attributes;
  }

  get place(): { readonly traceId: string; readonly spanId: string } {
    const { traceId, spanId } = this.#facts;
    return { traceId, spanId };
  }

  begin(name: string, attributes: SpanAttributes = {}): Span {
    return this.#ports.begin(this.#part(name, attributes));
  }

  past(name: string, { fromUs, toUs }: { readonly fromUs: number; readonly toUs: number }): void {
    const part = this.#ports.begin(this.#part(name, {}));
    part.#finish(this.#beganMs + fromUs / US_PER_MS, this.#beganMs + toUs / US_PER_MS, undefined);
  }

  rename(name: string): void {
    this.#name = name;
  }

  set(attributes: SpanAttributes): void {
    this.#attributes = { ...this.#attributes, ...attributes };
  }

  end(error?: unknown): void {
    if (error instanceof EngineError) this.set({ 'error.type': error.code });
    this.#finish(this.#beganMs, this.#ports.clock.monotonicMs(), error === undefined ? undefined : messageOf(error));
  }

  #part(name: string, attributes: SpanAttributes): Omit<SpanFacts, 'spanId'> {
    const { traceId, spanId: parentSpanId, offsetMs } = this.#facts;
    return { name, kind: 'internal', traceId, parentSpanId, attributes, offsetMs };
  }

  #finish(fromMs: number, toMs: number, failure: string | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { traceId, spanId, parentSpanId, kind, link, offsetMs } = this.#facts;
    this.#ports.finished({
      ...{ traceId, spanId, parentSpanId, kind, link, failure },
      name: cut(this.#name),
      startMs: fromMs + offsetMs,
      endMs: toMs + offsetMs,
      attributes: Object.fromEntries(Object.entries(this.#attributes).map(([key, value]) => [key, cut(value)])),
    });
  }
}

function messageOf(error: unknown): string {
  return cut(error instanceof Error ? error.message : String(error));
}

function cut<Value>(value: Value): Value {
  return typeof value === 'string' && value.length > MAX_TEXT ? (value.slice(0, MAX_TEXT) as Value) : value;
}
