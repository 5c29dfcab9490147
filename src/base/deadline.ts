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
  const late = Promise.withResolvers<never>();
  const cancel = clock.after(options.ms, () => late.reject(options.expired()));
  const inTime = Promise.race([promise, late.promise]);
  inTime.catch(() => {}); // when the signal wins, nobody listens any more
  try {
    return await (options.signal === undefined ? inTime : untilAborted(inTime, options.signal));
  } finally {
    cancel();
  }
}

/** Waits for a promise until one of the signals aborts, then rejects with its reason; the promise itself goes on. */
export async function untilAborted<Value>(promise: Promise<Value>, ...signals: readonly AbortSignal[]): Promise<Value> {
  for (const signal of signals) signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (event: Event): void => aborted.reject((event.target as AbortSignal).reason);
  for (const signal of signals) signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', onAbort);
  }
}
