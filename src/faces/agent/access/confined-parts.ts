import type { ContainerStatus, Engine } from '../../../engine/facade.ts';
import { confinedLives } from './confined-lives.ts';
import { confinedSandboxes } from './confined-sandboxes.ts';
import { confinedTransfers } from './confined-transfers.ts';
import { confinedUpkeep } from './confined-upkeep.ts';
import { confinedImageRecords, confinedWritten } from './confined-written.ts';
import type { Caller } from './decide.ts';

/** The parts of an engine that a caller may use for the containers that he sees, and for nothing else. */
export abstract class ConfinedParts {
  readonly #engine: Engine;
  readonly #caller: Caller;

  constructor(engine: Engine, caller: Caller) {
    this.#engine = engine;
    this.#caller = caller;
  }

  /** Of a container that the caller sees. @throws {EngineError} `access.foreignContainer` */
  abstract status(id: string): Promise<ContainerStatus>;

  get lives(): Engine['lives'] {
    return confinedLives(this.#engine.lives, (id) => this.#uid(id));
  }

  get sandboxes(): Engine['sandboxes'] {
    return confinedSandboxes(this.#engine.sandboxes, (id) => this.#uid(id));
  }

  get upkeep(): Engine['upkeep'] {
    return confinedUpkeep(this.#engine.upkeep, this.#caller);
  }

  get transfers(): Engine['transfers'] {
    return confinedTransfers(this.#engine.transfers, this.#caller);
  }

  get written(): Engine['written'] {
    return confinedWritten(this.#engine.written, this.#caller, (id) => this.#uid(id));
  }

  get imageRecords(): Engine['imageRecords'] {
    return confinedImageRecords(this.#engine.imageRecords, this.#caller);
  }

  async #uid(id: string): Promise<string> {
    return (await this.status(id)).uid;
  }
}
