import type { Digest } from '../model/digest.ts';

/** Keeps layers and blobs from being collected until it is released, or until an image names them. */
export interface Lease {
  /** Holds these, too, from now on; waits for a collection that has already decided what to delete. */
  hold(digests: readonly Digest[]): Promise<void>;
  /** What it holds; nothing once it is released. */
  digests(): readonly Digest[];
  /** A second call does nothing. */
  release(): void;
}

/**
 * Keeps pulls and collections out of each other's way: a pull holds the layers (by chain id) and blobs (by digest) that it
 * counts on, and whoever changes the list of images or decides what to delete does so alone.
 */
export class Leases {
  readonly #counts = new Map<Digest, number>();
  #last: Promise<unknown> = Promise.resolve();

  /** What some lease holds now. */
  held(): Iterable<Digest> {
    return this.#counts.keys();
  }

  open(): Lease {
    const mine: Digest[] = [];
    let isOpen = true;
    return {
      hold: (digests) =>
        this.exclusive(async () => {
          if (!isOpen) return;
          mine.push(...digests);
          for (const digest of digests) this.#counts.set(digest, (this.#counts.get(digest) ?? 0) + 1);
        }),
      digests: () => (isOpen ? [...mine] : []),
      release: () => {
        if (isOpen) this.#release(mine);
        isOpen = false;
      },
    };
  }

  /** Runs operations one after the other, in the order of the calls, whether or not they succeed. */
  async exclusive<Result>(operation: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(operation);
    this.#last = result.catch(() => {});
    return await result;
  }

  #release(digests: readonly Digest[]): void {
    for (const digest of digests) {
      const count = (this.#counts.get(digest) ?? 1) - 1;
      if (count === 0) this.#counts.delete(digest);
      else this.#counts.set(digest, count);
    }
  }
}
