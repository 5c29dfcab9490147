import type { Digest } from '../model/digest.ts';

/**
 * Keeps pulls and removals out of each other's way: a pull holds the layers it counts on, and whoever changes the list of
 * images or deletes layers does so alone.
 */
export class Leases {
  readonly #counts = new Map<Digest, number>();
  #last: Promise<unknown> = Promise.resolve();

  /** Layers that some pull counts on now. */
  held(): Iterable<Digest> {
    return this.#counts.keys();
  }

  /** Holds layers from now on; waits for a removal that has already decided what to delete. */
  take(chainIds: readonly Digest[]): Promise<{ release(): void }> {
    return this.exclusive(async () => {
      for (const chainId of chainIds) this.#counts.set(chainId, (this.#counts.get(chainId) ?? 0) + 1);
      return { release: () => this.#release(chainIds) };
    });
  }

  /** Runs operations one after the other, in the order of the calls, whether or not they succeed. */
  async exclusive<Result>(operation: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(operation);
    this.#last = result.catch(() => {});
    return await result;
  }

  #release(chainIds: readonly Digest[]): void {
    for (const chainId of chainIds) {
      const count = (this.#counts.get(chainId) ?? 1) - 1;
      if (count === 0) this.#counts.delete(chainId);
      else this.#counts.set(chainId, count);
    }
  }
}
