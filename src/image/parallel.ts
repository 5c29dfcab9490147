/**
 * Runs `task` for every item, at most `limit` at a time. The first failure aborts the others; all have ended when this
 * settles, so that nobody writes any more into what the caller then cleans up.
 */
export async function inParallel<Item>(
  items: readonly Item[],
  options: { readonly limit: number; readonly signal: AbortSignal },
  task: (item: Item, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failure = new AbortController();
  const signal = AbortSignal.any([options.signal, failure.signal]);
  const queue = items.values();
  let first: { readonly error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    for (const item of queue) {
      if (signal.aborted) return;
      try {
        await task(item, signal);
      } catch (error) {
        first ??= { error };
        failure.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.limit, items.length) }, lane));
  if (first !== undefined) throw first.error;
  options.signal.throwIfAborted();
}
