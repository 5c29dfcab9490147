import type { Scoped } from './decide.ts';

/** As many ends of removed containers as the engine remembers. */
const MOST = 1024;

/** Whose containers were: one that goes with its end may be gone before its caller can ask for that. The oldest go first. */
export class SeenContainers {
  readonly #byUid = new Map<string, Scoped>();

  add(uid: string, scoped: Scoped): void {
    this.#byUid.delete(uid);
    this.#byUid.set(uid, scoped);
    const [oldest] = this.#byUid.keys();
    if (this.#byUid.size > MOST && oldest !== undefined) this.#byUid.delete(oldest);
  }

  get(uid: string): Scoped | undefined {
    return this.#byUid.get(uid);
  }
}
