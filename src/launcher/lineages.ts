import type { Lineage } from './group-tree.ts';

/** Which container lives in which, as far as it decides where their groups are. */
export class Lineages {
  readonly #parents = new Map<string, string>();

  /** From here on the groups of a container lie in those of its parent. */
  nest(uid: string, parent: string): void {
    this.#parents.set(uid, parent);
  }

  /** An unknown one is fine. */
  forget(uid: string): void {
    this.#parents.delete(uid);
  }

  /** Of one that nobody has nested: itself alone. */
  of(uid: string): Lineage {
    const above: string[] = [];
    for (let at = this.#parents.get(uid); at !== undefined; at = this.#parents.get(at)) above.unshift(at);
    const [first, ...rest] = above;
    return first === undefined ? [uid] : [first, ...rest, uid];
  }
}
