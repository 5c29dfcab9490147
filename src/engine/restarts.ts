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
import { aboutContainer } from './happenings.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import type { Operations } from './operations.ts';
import { relaunch } from './relaunch.ts';
import { NEVER_RESTARTED, nextRestart, type RestartEvent } from './restart-decision.ts';
import { mayRestart } from './restart-status.ts';
import type { RestartRecord } from './supervision-records.ts';

export interface RestartParts {
  readonly operations: Operations;
  /** Watches a container that runs until its end. */
  readonly follow: (container: Container, link: MonitorLink) => void;
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
    const { termination, unhealthyEnd } = container;
    if (termination === undefined || !mayRestart(container)) return;
    const { startedAtMs, finishedAtMs: atMs } = termination;
    const isForced = unhealthyEnd === 'restart';
    this.#decide(container, { kind: 'ended', failed: hasFailed(container), isForced, startedAtMs, atMs });
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
    if (!mayRestart(container) || (restart.isStopped && restart.dueAtMs === undefined)) return;
    container.restart = this.#next(container, { kind: 'stopped' });
    this.#waiting.get(container)?.abort();
    await this.#save(container);
  }

  /** Somebody removes a container; from here on nothing starts it, and nothing of it is written. */
  async forget(container: Container): Promise<void> {
    container.isRemoving = true;
    this.#waiting.get(container)?.abort();
    await this.#saving.get(container.uid);
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
    const ids = policy === undefined ? undefined : this.#host.idRanges.of(uid);
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
        if (!stop.signal.aborted) this.#host.report({ what: 'starting again', uid: container.uid, error });
      })
      .finally(() => this.#waiting.delete(container));
  }

  async #carryOut(container: Container, signal: AbortSignal): Promise<void> {
    await this.#save(container);
    const { dueAtMs, count } = container.restart;
    if (dueAtMs === undefined || signal.aborted) return;
    const { clock } = this.#host.effects;
    this.#host.events.emit({
      ...{ ...aboutContainer(container), kind: 'restarting', atMs: clock.nowMs() },
      ...{ dueAtMs, restarts: count },
    });
    await untilAborted(this.#opened.promise, signal);
    await untilAborted(this.#cleaned(container), signal);
    await clock.sleep(Math.max(0, dueAtMs - clock.nowMs()), signal);
    signal.throwIfAborted();
    await this.#parts.operations.run(() => this.#relaunch(container));
  }

  async #relaunch(ended: Container): Promise<void> {
    const { container, launched } = relaunch(this.#host, ended);
    const link = await launched;
    if (link !== undefined) {
      this.#parts.follow(container, link);
      return;
    }
    this.ended(container);
    this.#cleanups.begin(container);
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
    // One without a policy has a record only if it had one before.
    if (container === undefined || container.isRemoving || container.config.autoRemove) return;
    const { bootId } = this.#host;
    await this.#host.records.saveRestart(uid, { schemaVersion: 1, bootId, state: container.restart });
  }
}

function withPolicy({ restart: _, ...config }: ContainerConfig, policy: RestartPolicy | undefined): ContainerConfig {
  return policy === undefined ? config : { ...config, restart: policy };
}

/** By docker's word: an end with another exit code than 0. Whoever was killed, or never seen to end, has failed too. */
function hasFailed({ termination, unhealthyEnd }: Container): boolean {
  if (unhealthyEnd !== undefined) return true;
  const status = termination?.exitStatus;
  return status === undefined || status.kind !== 'exited' || status.code !== 0;
}

/** What an earlier engine has recorded of a container with a policy, and in which boot; damage is reported. */
export async function loadRestart(
  host: Pick<EngineHost, 'records' | 'report'>,
  uid: string,
  recordedBoot: string,
): Promise<Pick<RestartRecord, 'bootId' | 'state'>> {
  const found = await host.records.loadRestart(uid);
  if (found.kind === 'damaged') host.report({ what: `damaged ${found.file}`, uid, error: found.error });
  return found.kind === 'present' ? found.value : { bootId: recordedBoot, state: NEVER_RESTARTED };
}
