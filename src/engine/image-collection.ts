import type { ImageCollectionPolicy } from '../model/image-upkeep.ts';
import type { EngineHost } from './host.ts';
import { removalOf } from './upkeep-operations.ts';

/** Collects images that nobody uses, again and again, by the policy that the engine was opened with. */
export class ImageCollection {
  readonly #host: EngineHost;
  readonly #closed = new AbortController();

  constructor(host: EngineHost) {
    this.#host = host;
  }

  /** Returns at once; without a policy nothing is ever collected. */
  start(): void {
    const policy = this.#host.imageCollection;
    if (policy !== undefined) void this.#run(policy);
  }

  close(): void {
    this.#closed.abort();
  }

  async #run(policy: ImageCollectionPolicy): Promise<void> {
    const { clock } = this.#host.effects;
    const { signal } = this.#closed;
    while (!signal.aborted) {
      await this.#pass(policy);
      await clock.sleep(policy.everyMs, signal).catch(() => {});
    }
  }

  async #pass(policy: ImageCollectionPolicy): Promise<void> {
    const { images, operations, report } = this.#host;
    try {
      await operations.run({ kind: 'background', subject: 'image collection' }, () =>
        images.upkeep.collect(policy, removalOf(this.#host)),
      );
    } catch (error) {
      // The next pass tries again.
      report({ what: 'images were not collected', error });
    }
  }
}
