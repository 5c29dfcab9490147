/** What is told of a span besides its name and its time. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** Something that took time, and what it was part of. */
export interface Span {
  /** Its own parts are `begin`-ed with it as their parent. */
  begin(name: string, attributes?: SpanAttributes): Span;
  /** A part that is over already; times in microseconds since this span began. */
  past(name: string, part: { readonly fromUs: number; readonly toUs: number }): void;
  /** Replaces the name: of what is known only later. */
  rename(name: string): void;
  set(attributes: SpanAttributes): void;
  /** @param error why it failed, if it did. A second call does nothing. */
  end(error?: unknown): void;
}

/** Where a span comes from that has no parent in this process. */
export interface SpanOrigin {
  /** `server` for what somebody outside has asked for. */
  readonly kind: 'server' | 'internal';
  /** The header `traceparent` of a request, as it came. */
  readonly traceparent?: string | undefined;
  /** What led to it and was over before: another trace, that is linked. */
  readonly cause?: Span | undefined;
  readonly attributes?: SpanAttributes;
}

/** Records what takes how long. Where nobody wants to know there is none, and nothing is recorded. */
export interface Tracer {
  /** @returns `undefined` for what is not sampled */
  begin(name: string, origin: SpanOrigin): Span | undefined;
}
