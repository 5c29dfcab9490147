import type { NetClassRange } from '../../model/net-class.ts';
import { cgroupsErrors } from './errors.ts';

/**
 * Which containers have which network classes, for as long as the engine lives. A class is held until the container is
 * cleaned up, also when an update has taken it away: packets with it may still be on their way.
 */
export class NetClasses {
  readonly #range: NetClassRange | undefined;
  /** Given out by us. */
  readonly #given = new Map<string, number>();
  /** Named by callers. */
  readonly #named = new Map<string, Set<number>>();
  #next = 0;

  /** @param range missing: no class is given out, and whoever asks for one is told so */
  constructor(range: NetClassRange | undefined) {
    this.#range = range;
  }

  /**
   * The class that a container was given, or else one that no container has; what was given back last comes last.
   *
   * @throws {EngineError} `cgroups.noNetClasses` (failed-precondition), `cgroups.netClassesExhausted` (resource-exhausted)
   */
  take(uid: string): number {
    const given = this.#given.get(uid);
    if (given !== undefined) return given;
    if (this.#range === undefined) throw cgroupsErrors.noNetClasses();
    const { major, first, last } = this.#range;
    const size = last - first + 1;
    const held = new Set([...this.#given.values(), ...[...this.#named.values()].flatMap((some) => [...some])]);
    for (let tries = 0; tries < size; tries += 1) {
      const classId = major * 0x1_0000 + first + this.#next;
      this.#next = (this.#next + 1) % size;
      if (held.has(classId)) continue;
      this.#given.set(uid, classId);
      return classId;
    }
    throw cgroupsErrors.netClassesExhausted({ size });
  }

  /** That an earlier engine has given this class to a container. */
  recover(uid: string, classId: number): void {
    this.#given.set(uid, classId);
  }

  /** That a caller has named this class for a container; others may have it too. */
  name(uid: string, classId: number): void {
    this.#named.set(uid, (this.#named.get(uid) ?? new Set()).add(classId));
  }

  /** Of a container that has none, too. */
  release(uid: string): void {
    this.#given.delete(uid);
    this.#named.delete(uid);
  }
}
