/** A nominal type: a `Value` that only its own parser or factory may produce. */
export type Brand<Value, Name extends string> = Value & { readonly __brand: Name };
