import type { SpanAttributes } from '../base/tracing.ts';

/** A span that is over. */
export interface FinishedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: 'server' | 'internal';
  /** Milliseconds since 1970, with fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: SpanAttributes;
  /** Of a trace that led to this one. */
  readonly link: { readonly traceId: string; readonly spanId: string } | undefined;
  /** Why it failed. */
  readonly failure: string | undefined;
}

/** Who tells it. */
export interface TelemetryResource {
  readonly attributes: SpanAttributes;
  readonly version: string;
}

type Json = Readonly<Record<string, unknown>>;

/** enum SpanKind and enum StatusCode of opentelemetry/proto/trace/v1. */
const KINDS = { internal: 1, server: 2 } as const;
const STATUS_ERROR = 2;
const NS_PER_MS = 1_000_000;

/** The body of a request to `/v1/traces`, in the JSON encoding of OTLP. Pure. */
export function otlpTraces(spans: readonly FinishedSpan[], { attributes, version }: TelemetryResource): Json {
  const scopeSpans = [{ scope: { name: 'isopod', version }, spans: spans.map(spanJson) }];
  return { resourceSpans: [{ resource: { attributes: attributesJson(attributes) }, scopeSpans }] };
}

function spanJson(span: FinishedSpan): Json {
  const { traceId, spanId, parentSpanId, name, kind, startMs, endMs, attributes, link, failure } = span;
  return {
    ...{ traceId, spanId, name, kind: KINDS[kind] },
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(endMs),
    attributes: attributesJson(attributes),
    ...(link === undefined ? {} : { links: [link] }),
    status: failure === undefined ? {} : { code: STATUS_ERROR, message: failure },
  };
}

/** 64-bit integers are text in JSON, and a double could not hold them. */
function nanoseconds(ms: number): string {
  const whole = Math.floor(ms);
  return String(BigInt(whole) * BigInt(NS_PER_MS) + BigInt(Math.round((ms - whole) * NS_PER_MS)));
}

function attributesJson(attributes: SpanAttributes): readonly Json[] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: valueJson(value) }],
  );
}

function valueJson(value: string | number | boolean): Json {
  switch (typeof value) {
    case 'string':
      return { stringValue: value };
    case 'boolean':
      return { boolValue: value };
    case 'number':
      return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  }
}
