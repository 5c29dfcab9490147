import type { Launched } from '../../engine/facade.ts';
import { agentErrors } from './errors.ts';

/** Launches that are under way and that their callers may give up, by names that those have chosen. */
export class PendingLaunches {
  readonly #byName = new Map<string, AbortController>();

  /**
   * @param name `undefined`: it cannot be given up
   * @throws {EngineError} `agent.badField` (invalid-argument) for a name that another launch has; what `start` throws
   */
  async during(
    name: string | undefined,
    start: (how: { readonly signal?: AbortSignal }) => Promise<Launched>,
  ): Promise<Launched> {
    if (name === undefined) return start({});
    if (this.#byName.has(name)) throw agentErrors.badField({ field: 'launch', reason: 'another launch is called so' });
    const end = new AbortController();
    this.#byName.set(name, end);
    try {
      return await start({ signal: end.signal });
    } finally {
      this.#byName.delete(name);
    }
  }

  /** @returns false when no such launch is under way */
  giveUp(name: string): boolean {
    const end = this.#byName.get(name);
    end?.abort();
    return end !== undefined;
  }
}
