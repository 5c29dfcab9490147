import { withDeadline } from '../base/deadline.ts';
import type { Clock, Frame, HelperConnection } from '../base/effects.ts';
import { errnoShortName } from '../linux/errno.ts';
import { decodeMessage, encodeMessage, messageName } from '../model/wire-codec.ts';
import { launcherErrors } from './errors.ts';
import type { PortAnswer, PortTry, ProcessIdentity } from './launcher.ts';
import { SharedWorker } from './shared-worker.ts';

/** Beyond the time that a try has itself: for the helper to begin and to answer. */
const ANSWER_MS = 10_000;

export interface PortTriesOptions {
  readonly clock: Clock;
  /** A worker of its own, whose hello has been read. */
  readonly connect: () => Promise<HelperConnection>;
}

/**
 * Connects to ports as somebody in a container would, through one worker of the helper, however many tries there are at once;
 * the worker is taken with the first and let go with the last.
 */
export class PortTries {
  readonly #options: PortTriesOptions;
  readonly #waiting = new Map<number, PromiseWithResolvers<PortAnswer>>();
  readonly #worker: SharedWorker;
  #nextId = 1;

  constructor(options: PortTriesOptions) {
    this.#options = options;
    this.#worker = new SharedWorker({
      connect: options.connect,
      take: (frame) => this.#take(frame),
      lost: () => this.#lose(),
    });
  }

  /** @throws {EngineError} `launcher.portTriesGone`, `launcher.unavailable` (unavailable), `launcher.portTryOverdue` */
  async try({ pid, startTime }: ProcessIdentity, { timeoutMs, ...request }: PortTry): Promise<PortAnswer> {
    const id = this.#nextId++;
    const answered = Promise.withResolvers<PortAnswer>();
    answered.promise.catch(() => {}); // whoever listens is told
    this.#waiting.set(id, answered);
    try {
      const connection = await this.#worker.reach();
      const frame = encodeMessage('tryPort', { id, pid, startTime, timeoutMs, ...request });
      await connection.send(frame.type, frame.payload);
      const ms = timeoutMs + ANSWER_MS;
      const expired = () => launcherErrors.portTryOverdue({ port: request.port, ms });
      return await withDeadline(this.#options.clock, answered.promise, { ms, expired });
    } finally {
      this.#forget(id);
    }
  }

  #take(frame: Frame): void {
    if (messageName(frame) !== 'portTried') return;
    const { id, errno, answer } = decodeMessage('portTried', frame);
    const failure = Number(errno) === 0 ? undefined : errnoShortName(Number(errno));
    this.#waiting.get(Number(id))?.resolve({ failure, answer });
  }

  /** With the last try the worker goes. */
  #forget(id: number): void {
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker.letGo();
  }

  #lose(): void {
    for (const { reject } of this.#waiting.values()) reject(launcherErrors.portTriesGone({}));
  }
}
