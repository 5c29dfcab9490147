import type { IdMapping } from '../model/id-mapping.ts';
import type { UserNamespacePlan } from '../model/launch-plan.ts';
import type { IdRange } from '../model/namespace-policy.ts';
import { engineErrors } from './errors.ts';

/** Ids of a container, and how its files show them; records of earlier versions do not say that. */
export type HeldIds = Pick<UserNamespacePlan, 'uids' | 'gids'> & Partial<Pick<UserNamespacePlan, 'files'>>;

/**
 * The lowest place in a pool for so many ids that nobody has. Pure.
 *
 * @returns `undefined` when there is none
 */
export function findFree(pool: IdRange, taken: readonly IdRange[], count: number): IdRange | undefined {
  const end = pool.first + pool.count;
  let first = pool.first;
  for (const range of [...taken].sort((a, b) => a.first - b.first)) {
    if (range.first + range.count <= first) continue;
    if (range.first - first >= count) break;
    first = range.first + range.count;
  }
  return first + count <= end ? { first, count } : undefined;
}

/**
 * Which container has which ids of the host. Held from before its plan is made until its cleanup is done, or it is removed. Those
 * that live in another one's user namespace have its ids, too.
 */
export class IdRanges {
  readonly #pool: IdRange;
  readonly #held = new Map<string, HeldIds>();

  constructor(pool: IdRange) {
    this.#pool = pool;
  }

  /**
   * Sets ids aside that no other container has.
   *
   * @throws {EngineError} `engine.noFreeIds` (resource-exhausted)
   */
  take(uid: string, count: number): HeldIds {
    const held = this.#held.get(uid);
    if (held !== undefined) return held; // of its earlier life
    const range = findFree(this.#pool, this.#taken(), count);
    if (range === undefined)
      throw engineErrors.noFreeIds({
        ...{ count, first: this.#pool.first, poolCount: this.#pool.count },
        holders: this.#held.size,
      });
    const mapping: readonly IdMapping[] = [{ container: 0, host: range.first, count }];
    return this.hold(uid, { uids: mapping, gids: mapping });
  }

  /** Notes the ids of a container that named them itself, or that an earlier engine gave some. */
  hold(uid: string, { uids, gids, files }: HeldIds): HeldIds {
    const ids = { uids, gids, ...(files !== undefined && { files }) };
    this.#held.set(uid, ids);
    return ids;
  }

  /** What a container holds. */
  of(uid: string): HeldIds | undefined {
    return this.#held.get(uid);
  }

  /** A container without any is fine. */
  release(uid: string): void {
    this.#held.delete(uid);
  }

  #taken(): readonly IdRange[] {
    const mappings = [...this.#held.values()].flatMap(({ uids, gids }) => [...uids, ...gids]);
    return mappings.map(({ host, count }) => ({ first: host, count }));
  }
}
