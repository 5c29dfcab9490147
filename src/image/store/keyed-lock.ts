/** Lets one operation at a time at each key. */
export class KeyedLock {
  readonly #last = new Map<string, Promise<void>>();

  /** Waits for its turn and runs the operation. Who is aborted while waiting gives its turn on. */
  async run<Result>(key: string, signal: AbortSignal, operation: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const turn = before.then(() => over);
    this.#last.set(key, turn);
    void turn.then(() => {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    });
    try {
      await orAborted(before, signal);
      return await operation();
    } finally {
      end();
    }
  }
}

async function orAborted(awaited: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([awaited, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
