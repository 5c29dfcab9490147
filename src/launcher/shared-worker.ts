import type { Frame, HelperConnection } from '../base/effects.ts';

export interface SharedWorkerOptions {
  /** A worker of its own, whose hello has been read. */
  readonly connect: () => Promise<HelperConnection>;
  readonly take: (frame: Frame) => void;
  /** It could not be reached, or has gone while it was wanted; whoever waits for it is to be told. */
  readonly lost: () => void;
}

/** One worker of the helper that many requests share: taken with the first of them, and let go when its user says that none is left. */
export class SharedWorker {
  readonly #options: SharedWorkerOptions;
  #connection: Promise<HelperConnection> | undefined;

  constructor(options: SharedWorkerOptions) {
    this.#options = options;
  }

  /** The one that is there already; `undefined` where none is wanted now. */
  get current(): Promise<HelperConnection> | undefined {
    return this.#connection;
  }

  /** @throws what connecting was refused with */
  reach(): Promise<HelperConnection> {
    if (this.#connection !== undefined) return this.#connection;
    const connecting = this.#options.connect();
    this.#connection = connecting;
    connecting.then(
      (connection) => this.#follow(connection, connecting),
      () => this.#lose(connecting),
    );
    return connecting;
  }

  letGo(): void {
    const last = this.#connection;
    this.#connection = undefined;
    void last?.then((connection) => connection.close()).catch(() => {}); // it was never there
  }

  async #follow(connection: HelperConnection, mine: Promise<HelperConnection>): Promise<void> {
    try {
      for (;;) {
        const frame = await connection.receive();
        if (frame === undefined) break;
        this.#options.take(frame);
      }
    } catch {
      // A reset connection and an ended one mean the same here.
    }
    connection.close();
    this.#lose(mine);
  }

  /** One that was let go meanwhile is missed by nobody. */
  #lose(connection: Promise<HelperConnection>): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#options.lost();
  }
}
