import type { Clock } from '../../base/effects.ts';

/** @returns `undefined` when the time is over first; rejects as `wait` does, and when `signal` aborts */
export async function withTimeout<Value>(
  wait: (until: AbortSignal) => Promise<Value>,
  bounds: { readonly clock: Clock; readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<Value | undefined> {
  const until = new AbortController();
  const follow = (): void => until.abort(bounds.signal.reason);
  bounds.signal.addEventListener('abort', follow, { once: true });
  const over = Promise.withResolvers<undefined>();
  const cancel = bounds.clock.after(bounds.timeoutMs, () => over.resolve(undefined));
  const waiting = wait(until.signal);
  waiting.catch(() => {}); // when the time is over nobody listens any more
  try {
    const first = await Promise.race([waiting, over.promise]);
    if (first === undefined) until.abort(); // lets go of what the wait holds
    return first;
  } finally {
    cancel();
    bounds.signal.removeEventListener('abort', follow);
  }
}
