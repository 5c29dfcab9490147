import { withDeadline } from '../base/deadline.ts';
import type { Clock, Frame, HelperConnection } from '../base/effects.ts';
import { errnoName, errnoShortName } from '../linux/errno.ts';
import { EngineError } from '../model/error.ts';
import type { MessageValues } from '../model/wire.ts';
import { decodeMessage, encodeMessage, messageName } from '../model/wire-codec.ts';
import { launcherErrors } from './errors.ts';
import type { Watch } from './launcher.ts';
import { SharedWorker } from './shared-worker.ts';

const ANSWER_MS = 10_000;

export interface WatcherOptions {
  readonly clock: Clock;
  /** A worker of its own, whose hello has been read. */
  readonly connect: () => Promise<HelperConnection>;
}

type WatchRequest = Omit<MessageValues<'watch'>, 'id'>;

interface Entry {
  readonly request: WatchRequest;
  readonly noticed: () => void;
  readonly armed: PromiseWithResolvers<void>;
  readonly over: PromiseWithResolvers<void>;
}

/**
 * Watches kernel files through one worker of the helper, however many there are; the worker is taken with the first and
 * let go with the last.
 */
export class Watcher {
  readonly #options: WatcherOptions;
  readonly #entries = new Map<number, Entry>();
  readonly #worker: SharedWorker;
  #nextId = 1;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#worker = new SharedWorker({
      connect: options.connect,
      take: (frame) => this.#take(frame),
      lost: () => this.#lose(),
    });
  }

  /** @throws {EngineError} `launcher.watchRefused`, `launcher.watcherGone`, `launcher.watchOverdue`, `launcher.unavailable` */
  async watch(request: WatchRequest, noticed: () => void): Promise<Watch> {
    const id = this.#nextId++;
    const [armed, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    for (const { promise } of [armed, over]) promise.catch(() => {}); // whoever listens is told
    this.#entries.set(id, { request, noticed, armed, over });
    try {
      const connection = await this.#worker.reach();
      const frame = encodeMessage('watch', { id, ...request });
      await connection.send(frame.type, frame.payload);
      const { path } = request;
      await withDeadline(this.#options.clock, armed.promise, {
        ms: ANSWER_MS,
        expired: () => launcherErrors.watchOverdue({ path, ms: ANSWER_MS }),
      });
    } catch (error) {
      this.#stop(id);
      throw error;
    }
    return { over: over.promise, stop: () => this.#stop(id) };
  }

  #take(frame: Frame): void {
    switch (messageName(frame)) {
      case 'watching':
        this.#entries.get(Number(decodeMessage('watching', frame).id))?.armed.resolve();
        return;
      case 'noticed':
        this.#entries.get(Number(decodeMessage('noticed', frame).id))?.noticed();
        return;
      case 'watchOver': {
        const { id, errno } = decodeMessage('watchOver', frame);
        this.#end(Number(id), Number(errno));
        return;
      }
      default:
        return;
    }
  }

  #end(id: number, errno: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    const { path, trigger: what } = entry.request;
    entry.armed.reject(
      launcherErrors.watchRefused({ path, what, reason: errnoName(errno), errno: errnoShortName(errno) }),
    );
    entry.over.resolve();
    this.#forget(id);
  }

  #stop(id: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.over.resolve();
    this.#forget(id);
    const { type, payload } = encodeMessage('unwatch', { id });
    void this.#worker.current?.then((connection) => connection.send(type, payload)).catch(() => {}); // it is over anyway
  }

  /** With the last watch the worker goes. */
  #forget(id: number): void {
    this.#entries.delete(id);
    if (this.#entries.size === 0) this.#worker.letGo();
  }

  #lose(): void {
    const lost = [...this.#entries.values()];
    this.#entries.clear();
    for (const { armed, over } of lost) {
      const gone = launcherErrors.watcherGone({});
      armed.reject(gone);
      over.reject(gone);
    }
  }
}

/** Why the kernel refused to watch, for example `ENOENT`; `undefined` for any other error. */
export function watchErrno(error: unknown): string | undefined {
  if (!(error instanceof EngineError) || error.code !== 'launcher.watchRefused') return undefined;
  return String(error.details.errno);
}
