/** The calls of callers that are under way, so that idleness and closing know of them. */
export class Operations {
  readonly #running = new Set<Promise<unknown>>();
  readonly #closed: AbortSignal;

  /** @param closed no more are taken once it aborts; they reject with its reason */
  constructor(closed: AbortSignal) {
    this.#closed = closed;
  }

  get isIdle(): boolean {
    return this.#running.size === 0;
  }

  async run<Result>(operation: () => Promise<Result>): Promise<Result> {
    this.#closed.throwIfAborted();
    const running = operation();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /** Resolves when those that are under way now are over, whatever became of them. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#running]);
  }
}
