import { untilAborted, withDeadline } from '../base/deadline.ts';
import type { MonitorLink } from '../launcher/launcher.ts';
import type { ContainerConfig } from '../model/container-config.ts';
import { secretsOf } from '../model/container-request.ts';
import { checkRestartable, completeRestartPolicy, type RestartPolicy } from '../model/restart-policy.ts';
import { afterOthers } from './changes.ts';
import type { Cleanups } from './cleanup.ts';
import type { Container } from './container.ts';
import { endChildren } from './destroy.ts';
import { engineErrors } from './errors.ts';
import type { StreamTicket } from './facade.ts';
import { aboutContainer } from './happenings.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import type { Operations } from './operations.ts';
import { damageOf } from './problem.ts';
import { relaunch } from './relaunch.ts';
import { markOf } from './request-mark.ts';
import { NEVER_RESTARTED, nextRestart, type RestartEvent, type RestartState } from './restart-decision.ts';
import { endOf, hasFailed } from './restart-end.ts';
import { mayRestart } from './restart-status.ts';
import type { RestartRecord } from './supervision-records.ts';

export interface RestartParts {
  readonly operations: Operations;
  /** Watches a container that runs until its end. */
  readonly follow: (container: Container, link: MonitorLink) => void;
}

/** How a caller wants it started. */
export interface AskedStart {
  readonly owned: boolean;
  readonly requestKey: string | undefined;
}

/** A next life that somebody waits for. */
interface Wish extends PromiseWithResolvers<StartedAgain> {
  readonly how: AskedStart;
}

export interface StartedAgain {
  readonly container: Container;
  readonly stream: StreamTicket | undefined;
}

/**
 * Starts containers again as their policies say. What is decided is on disk before anything follows from it, so that an
 * engine that comes after a killed one goes on where that was.
 */
export class Restarts {
  readonly #host: EngineHost;
  readonly #cleanups: Cleanups;
  readonly #parts: RestartParts;
  /** Those whose end is being dealt with, or that wait to be started again. */
  readonly #waiting = new Map<Container, AbortController>();
  readonly #saving = new Map<string, Promise<void>>();
  /** The next lives that callers wait for, by the container that is to have one. */
  readonly #wishes = new Map<string, Wish>();
  readonly #opened = Promise.withResolvers<void>();

  constructor(host: EngineHost, cleanups: Cleanups, parts: RestartParts) {
    this.#host = host;
    this.#cleanups = cleanups;
    this.#parts = parts;
  }

  get isIdle(): boolean {
    return this.#waiting.size === 0;
  }

  /** Recovery is over: what it found may be started. */
  open(): void {
    this.#opened.resolve();
  }

  /** Decides what follows the end of a container. */
  ended(container: Container): void {
    const { termination } = container;
    if (termination === undefined || !(mayRestart(container) || container.restart.isAsked === true)) return;
    this.#decide(container, endOf(container, termination));
  }

  /** Of a container that an earlier engine has left terminated, or that ran when the host went down. */
  recovered(container: Container, recordedBoot: string): void {
    const { termination } = container;
    if (termination === undefined || !mayRestart(container)) return;
    if (recordedBoot === this.#host.bootId) this.ended(container);
    else this.#decide(container, { kind: 'booted', failed: hasFailed(container), endedAtMs: termination.finishedAtMs });
  }

  /** Somebody wants the end of a container: on disk before the end can come. */
  async stopAsked(container: Container): Promise<void> {
    const { restart } = container;
    if (!mayRestart(container) && restart.isAsked !== true) return;
    if (restart.isStopped && restart.dueAtMs === undefined) return;
    container.restart = this.#next(container, { kind: 'stopped' });
    this.#callOff(container);
    await this.#save(container);
  }

  /** Somebody removes a container; from here on nothing starts it, and nothing of it is written. */
  async forget(container: Container): Promise<void> {
    container.isRemoving = true;
    this.#callOff(container);
    await this.#saving.get(container.uid);
  }

  /**
   * Starts a container that has ended, or one that runs once it has: whatever ends it is the caller's to do. A second wish joins
   * the first.
   *
   * @returns its next life, once that runs
   * @throws {EngineError} what the launch refused; `engine.startCalledOff` (cancelled), `engine.startOverdue`
   */
  async ask(container: Container, how: AskedStart): Promise<StartedAgain> {
    const { uid, termination } = container;
    const known = this.#wishes.get(uid);
    const wish = known ?? { ...Promise.withResolvers<StartedAgain>(), how };
    if (known === undefined) {
      this.#wishes.set(uid, wish);
      wish.promise.catch(() => {}).finally(() => this.#wishes.delete(uid));
      const askedFor = markOf(how.requestKey, this.#host.effects.clock.nowMs());
      const event = { kind: 'asked', endedAtMs: termination?.finishedAtMs, askedFor } as const;
      this.#waiting.get(container)?.abort(); // it was due, but later
      if (termination !== undefined) this.#decide(container, event);
      else container.restart = this.#next(container, event);
      await this.#save(container);
    }
    const expired = (): Error => engineErrors.startOverdue({ uid, ms: DEADLINES.startMs });
    return withDeadline(this.#host.effects.clock, wish.promise, { ms: DEADLINES.startMs, expired });
  }

  /** Resolves when what is known of its restarts is on disk. Never rejects. */
  async recorded({ uid }: Container): Promise<void> {
    await this.#saving.get(uid);
  }

  /** Nobody wants it to be started any more, for whatever was to end it has failed. */
  async takeBack(container: Container, before: RestartState): Promise<void> {
    container.restart = before;
    this.#callOff(container);
    await this.#save(container);
  }

  #callOff(container: Container): void {
    const { uid } = container;
    this.#waiting.get(container)?.abort();
    this.#wishes.get(uid)?.reject(engineErrors.startCalledOff({ uid }));
  }

  /**
   * Gives a container another policy, on disk first. One that begins its next life meanwhile is told again.
   *
   * @throws {EngineError} `restart-policy.*` (invalid-argument) for one that cannot be started again
   */
  async change(id: string, asked: RestartPolicy): Promise<Container> {
    for (;;) {
      const container = this.#host.registry.get(id);
      await container.launched.catch(() => {}); // its caller is told; for us it is then unknown
      if (container !== this.#host.registry.get(container.uid)) continue;
      const policy = this.check(container, asked);
      await afterOthers(container, () => this.#change(container, policy));
      if (this.#host.registry.find(container.uid) === container) return container;
    }
  }

  /** @returns how its config will have it. @throws {EngineError} `restart-policy.*` (invalid-argument) */
  check({ config }: Container, asked: RestartPolicy): RestartPolicy | undefined {
    const policy = completeRestartPolicy(asked);
    const { autoRemove, parent } = config;
    checkRestartable(policy, { autoRemove, parent, secrets: secretsOf(config) });
    return policy;
  }

  async #change(container: Container, policy: RestartPolicy | undefined): Promise<void> {
    const { uid, config } = container;
    const ids = this.#host.idRanges.of(uid);
    if (!config.autoRemove) {
      await this.#host.records.changeRecord(uid, (record) => ({
        ...{ ...record, ids },
        config: withPolicy(record.config, policy),
      }));
    }
    container.reconfigure(withPolicy(container.config, policy));
    container.restart = this.#next(container, { kind: 'changed', endedAtMs: container.termination?.finishedAtMs });
    if (container.restart.dueAtMs === undefined) this.#waiting.get(container)?.abort();
    await this.#save(container);
    this.#host.events.emit({ ...aboutContainer(container), kind: 'updated', atMs: this.#host.effects.clock.nowMs() });
  }

  /** What the next engine goes on with stays on disk. */
  close(): void {
    for (const stop of this.#waiting.values()) stop.abort();
    for (const { reject } of this.#wishes.values()) reject(engineErrors.closed());
  }

  #next(container: Container, event: RestartEvent): Container['restart'] {
    const nowMs = this.#host.effects.clock.nowMs();
    return nextRestart(container.config.restart, container.restart, { event, nowMs });
  }

  #decide(container: Container, event: RestartEvent): void {
    if (container.isRemoving) return;
    container.restart = this.#next(container, event);
    const stop = new AbortController();
    this.#waiting.set(container, stop);
    void this.#carryOut(container, stop.signal)
      .catch((error) => {
        if (stop.signal.aborted) return;
        this.#host.report({ what: 'starting again', uid: container.uid, error });
        this.#wishes.get(container.uid)?.reject(error);
      })
      .finally(() => {
        if (this.#waiting.get(container) === stop) this.#waiting.delete(container);
      });
  }

  async #carryOut(container: Container, signal: AbortSignal): Promise<void> {
    await this.#save(container);
    const { dueAtMs, count, isAsked } = container.restart;
    if (dueAtMs === undefined || signal.aborted) return;
    const { clock } = this.#host.effects;
    if (isAsked !== true) {
      const about = { ...aboutContainer(container), kind: 'restarting', atMs: clock.nowMs() } as const;
      this.#host.events.emit({ ...about, dueAtMs, restarts: count });
    }
    await untilAborted(this.#opened.promise, signal);
    await untilAborted(this.#cleaned(container), signal);
    await clock.sleep(Math.max(0, dueAtMs - clock.nowMs()), signal);
    signal.throwIfAborted();
    await this.#parts.operations.run(() => this.#relaunch(container));
  }

  async #relaunch(ended: Container): Promise<void> {
    const wish = this.#wishes.get(ended.uid);
    const { container, launched } = relaunch(this.#host, ended, wish?.how);
    const result = await launched;
    if (result.kind === 'runs') {
      this.#parts.follow(container, result.link);
      wish?.resolve({ container, stream: result.stream });
      return;
    }
    // Whoever asked is told, and sees to it; a policy would try on.
    if (ended.restart.isAsked === true) container.restart = { ...container.restart, isStopped: true };
    this.ended(container);
    this.#cleanups.begin(container);
    wish?.reject(result.error);
  }

  /** Resolves when nothing of its last life is left that the next one could meet. */
  #cleaned(container: Container): Promise<void> {
    const attempt = async (): Promise<void> => {
      await endChildren(this.#host, container);
      await this.#cleanups.clean(container);
      await withDeadline(this.#host.effects.clock, container.socketGone, {
        ms: DEADLINES.reapMs,
        expired: () => engineErrors.overdue({ what: `the monitor of ${container.uid}`, ms: DEADLINES.reapMs }),
      });
    };
    return this.#host.retries.run({ what: 'cleanup before a restart', uid: container.uid, attempt });
  }

  /** One after the other, each with what holds then. Never rejects: a full disk keeps nobody from stopping a container. */
  #save({ uid }: Container): Promise<void> {
    const before = this.#saving.get(uid) ?? Promise.resolve();
    const saving = before
      .then(() => this.#saveNow(uid))
      .catch((error) => this.#host.report({ what: 'record of its restarts', uid, error }))
      .finally(() => {
        if (this.#saving.get(uid) === saving) this.#saving.delete(uid);
      });
    this.#saving.set(uid, saving);
    return saving;
  }

  async #saveNow(uid: string): Promise<void> {
    const container = this.#host.registry.find(uid);
    // Of one without a policy nothing need outlast this engine: one that is not started then stays as it is.
    if (container === undefined || container.isRemoving || !mayRestart(container)) return;
    const { bootId } = this.#host;
    await this.#host.records.saveRestart(uid, { schemaVersion: 1, bootId, state: container.restart });
  }
}

function withPolicy({ restart: _, ...config }: ContainerConfig, policy: RestartPolicy | undefined): ContainerConfig {
  return policy === undefined ? config : { ...config, restart: policy };
}

/** What an earlier engine has recorded of a container with a policy, and in which boot; damage is reported. */
export async function loadRestart(
  host: Pick<EngineHost, 'records' | 'report'>,
  uid: string,
  recordedBoot: string,
): Promise<Pick<RestartRecord, 'bootId' | 'state'>> {
  const found = await host.records.loadRestart(uid);
  if (found.kind === 'damaged') host.report(damageOf(found, uid));
  return found.kind === 'present' ? found.value : { bootId: recordedBoot, state: NEVER_RESTARTED };
}
