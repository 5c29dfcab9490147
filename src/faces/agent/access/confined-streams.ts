import type { StreamPlaces } from '../../../engine/facade.ts';
import type { ContainerUid } from '../../../model/container-id.ts';
import { isErrorOfKind } from '../../../model/error.ts';
import type { Termination } from '../../../model/exit-status.ts';
import { accessErrors } from './errors.ts';

/** What a confined caller sees of containers. */
interface OwnContainers {
  check(id: string): Promise<{ readonly uid: ContainerUid } | undefined>;
  /** @throws {EngineError} `access.foreignContainer` */
  lastUid(id: string): Promise<string>;
}

/** Sessions and streams as one caller may use them: those of his containers. */
export class ConfinedStreams implements StreamPlaces {
  readonly #places: StreamPlaces;
  readonly #own: OwnContainers;
  readonly #who: string;

  constructor(places: StreamPlaces, own: OwnContainers, who: string) {
    this.#places = places;
    this.#own = own;
    this.#who = who;
  }

  async socketOf(id: string): Promise<string> {
    const isSession = (await this.#ownerOf(id)) !== undefined;
    return this.#places.socketOf(isSession ? id : await this.#own.lastUid(id));
  }

  async containerOf(id: string): Promise<ContainerUid> {
    const uid = await this.#ownerOf(id);
    if (uid === undefined) throw accessErrors.foreignSession({ id, who: this.#who });
    return uid;
  }

  async endOf(container: ContainerUid, name: string): Promise<Termination | undefined> {
    return (await this.#isOwn(container)) ? this.#places.endOf(container, name) : undefined;
  }

  async forgetEnd(container: ContainerUid, name: string): Promise<void> {
    if (await this.#isOwn(container)) await this.#places.forgetEnd(container, name);
  }

  async #isOwn(uid: ContainerUid): Promise<boolean> {
    return (await this.#own.check(uid))?.uid === uid;
  }

  /** @returns `undefined` for what is no session, or none of the caller's */
  async #ownerOf(id: string): Promise<ContainerUid | undefined> {
    const uid = await this.#places.containerOf(id).catch((error: unknown) => {
      if (isErrorOfKind(error, 'not-found')) return undefined;
      throw error;
    });
    return uid !== undefined && (await this.#isOwn(uid)) ? uid : undefined;
  }
}
