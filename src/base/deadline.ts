import type { Clock } from './effects.ts';

/**
 * Waits for a promise, but not for ever.
 *
 * @param options.ms milliseconds of the injected clock
 * @param options.expired the error to reject with when the time is over; the promise itself goes on
 * @param options.signal ends the wait early with the signal's reason
 */
export async function withDeadline<Value>(
  clock: Clock,
  promise: Promise<Value>,
  options: { readonly ms: number; readonly expired: () => Error; readonly signal?: AbortSignal | undefined },
): Promise<Value> {
  const timer = new AbortController();
  const signal = options.signal === undefined ? timer.signal : AbortSignal.any([timer.signal, options.signal]);
  const late = clock.sleep(options.ms, signal).then(() => {
    throw options.expired();
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
    late.catch(() => {}); // the abort above rejects it; nobody else listens
  }
}

/** Waits for a promise until the signal aborts, then rejects with its reason; the promise itself goes on. */
export async function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
