import type { ContainerUid } from '../model/container-id.ts';
import type { Termination } from '../model/exit-status.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import { matchPrefix } from './names.ts';

/** Ends of removed containers that are remembered. */
const REMEMBERED_ENDS = 1024;

/**
 * The containers that exist, by uid and by name. A name is held from its reservation until the record is gone; it is
 * unique among the containers that live in the same one.
 */
export class Registry {
  readonly #byUid = new Map<ContainerUid, Container>();
  readonly #byName = new Map<string, Container>();
  readonly #ends = new Map<string, Termination>();

  /** @throws {EngineError} `engine.nameTaken` (already-exists) */
  add(container: Container): void {
    const holder = this.byName(container.config.name, container.parent);
    if (holder !== undefined) {
      throw engineErrors.nameTaken({ name: container.config.name, uid: holder.uid, state: holder.state });
    }
    this.#byUid.set(container.uid, container);
    if (container.parent === undefined) this.#byName.set(container.config.name, container);
    else container.parent.children.set(container.config.name, container);
  }

  /** A container begins its next life: whoever asks for it finds that. Waiters of the last one keep its end. */
  replace(before: Container, after: Container): void {
    this.#byUid.set(after.uid, after);
    this.#byName.set(after.config.name, after);
    before.markGone();
  }

  /** Frees uid and name. A second call does nothing. */
  delete(container: Container): void {
    if (container.termination !== undefined && !container.isTakenBack)
      this.#remember(container.uid, container.termination);
    if (this.#byUid.get(container.uid) === container) this.#byUid.delete(container.uid);
    const names = container.parent?.children ?? this.#byName;
    if (names.get(container.config.name) === container) names.delete(container.config.name);
    container.markGone();
  }

  /**
   * How a container ended that does not exist any more. One that goes with its end may be gone before whoever launched
   * it can ask; the last thousand are remembered.
   */
  endOf(uid: string): Termination | undefined {
    return this.#ends.get(uid);
  }

  all(): readonly Container[] {
    return [...this.#byUid.values()];
  }

  hasUid(uid: string): boolean {
    return this.#byUid.has(uid as ContainerUid);
  }

  /** @param parent whose containers are meant; those that live in none unless given */
  byName(name: string, parent?: Container): Container | undefined {
    return (parent?.children ?? this.#byName).get(name);
  }

  /**
   * By uid, name, path (`web/db`, beginning with a name or uid), or unambiguous uid prefix, in this order.
   *
   * @throws {EngineError} `engine.ambiguousId` (invalid-argument)
   */
  find(id: string): Container | undefined {
    const exact = this.#byUid.get(id as ContainerUid) ?? this.#byName.get(id);
    if (exact !== undefined) return exact;
    const slash = id.lastIndexOf('/');
    if (slash > 0) return this.find(id.slice(0, slash))?.children.get(id.slice(slash + 1));
    const uid = matchPrefix(this.#byUid.keys(), id);
    return uid === undefined ? undefined : this.#byUid.get(uid);
  }

  /** @throws {EngineError} `engine.unknownContainer` (not-found), `engine.ambiguousId` (invalid-argument) */
  get(id: string): Container {
    const container = this.find(id);
    if (container === undefined) throw engineErrors.unknownContainer({ id });
    return container;
  }

  #remember(uid: ContainerUid, termination: Termination): void {
    const [oldest] = this.#ends.keys();
    if (this.#ends.size >= REMEMBERED_ENDS && oldest !== undefined) this.#ends.delete(oldest);
    this.#ends.set(uid, termination);
  }
}
