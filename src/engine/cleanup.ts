import { withDeadline } from '../base/deadline.ts';
import type { ContainerUid } from '../model/container-id.ts';
import { EngineError } from '../model/error.ts';
import type { Termination } from '../model/exit-status.ts';
import type { Container } from './container.ts';
import type { DestroyReason } from './diagnostics/engine-metrics.ts';
import { engineErrors } from './errors.ts';
import { aboutContainer } from './happenings.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import { cleanIsolators } from './isolator-cleanup.ts';
import { forgetSteps, removeContainerTrees, removeStateTree } from './removal.ts';
import { keepsIds } from './user-ids.ts';
import { usersOf } from './volumes.ts';

/** What is under way for one terminated container. */
interface Cleanup {
  readonly done: Promise<void>;
}

/**
 * Releases what terminated containers held, after their waiters were answered, and removes records. What fails is
 * tried again, later and later, until it succeeds or the engine closes; calls for one container join.
 */
export class Cleanups {
  readonly #host: EngineHost;
  readonly #cleaning = new Map<Container, Cleanup>();
  readonly #removing = new Map<Container, Promise<void>>();
  readonly #clean = new WeakSet<Container>();

  constructor(host: EngineHost) {
    this.#host = host;
  }

  /** Whether anything is still to be cleaned. */
  get isIdle(): boolean {
    return this.#cleaning.size === 0 && this.#removing.size === 0;
  }

  /** Starts the cleanup of a container that has ended, and of one that goes with its end the removal. */
  begin(container: Container): void {
    void this.#host.retries.run({
      what: 'cleanup after the end',
      uid: container.uid,
      attempt: () => (container.config.autoRemove ? this.remove(container, 'ended') : this.#cleanCounted(container)),
    });
  }

  /**
   * Makes a terminated container not exist: resources, then record, then directories. Joins a removal under way.
   *
   * @throws {EngineError} what the cleanup refused, for example `launcher.unkillable`; it can be tried again
   */
  remove(container: Container, reason: DestroyReason = 'asked'): Promise<void> {
    const running = this.#removing.get(container);
    if (running !== undefined) return running;
    const { clock } = this.#host.effects;
    const beganMs = clock.monotonicMs();
    const removal = this.#remove(container)
      .then(
        () => this.#host.metrics.destroyed(reason, clock.monotonicMs() - beganMs),
        (error: unknown) => {
          this.#host.metrics.destroyFailed();
          throw error;
        },
      )
      .finally(() => this.#removing.delete(container));
    this.#removing.set(container, removal);
    return removal;
  }

  /** Of a container that an earlier engine has cleaned. */
  markClean(container: Container): void {
    this.#clean.add(container);
  }

  /** Whether the removal of this container has begun: its name will be free. */
  isRemoving(container: Container): boolean {
    if (this.#removing.has(container) || container.isTakenBack) return true;
    return container.config.autoRemove && container.termination !== undefined;
  }

  /** Resolves when what is under way now is done, whatever became of it. */
  async settled(): Promise<void> {
    const all = [...this.#removing.values(), ...[...this.#cleaning.values()].map(({ done }) => done)];
    await Promise.allSettled(all);
  }

  async #remove(container: Container): Promise<void> {
    const { autoRemove } = container.config;
    await Promise.all([...container.children.values()].map((child) => this.#removeChild(child, container)));
    if (autoRemove && (await this.#removeAtOnce(container))) {
      this.#announceRemoval(container);
      await this.#removeVolumes(container);
      return;
    }
    await this.clean(container);
    if (!container.takesVolumes) await this.#host.volumes.keepOwned(container.uid);
    await this.#host.records.forget(container.uid, autoRemove);
    // From here on the container does not exist, whatever becomes of its directories.
    this.#announceRemoval(container);
    await this.#removeVolumes(container);
    await this.#removeTrees(container.uid);
  }

  /** Its end is under way, for its parent has ended. */
  async #removeChild(child: Container, parent: Container): Promise<void> {
    const over = child.launched.then(
      () => child.ended,
      () => child.gone,
    );
    await withDeadline(this.#host.effects.clock, over, {
      ms: DEADLINES.childrenMs,
      expired: () =>
        engineErrors.overdue({
          what: `the end of ${child.uid}, which lives in ${parent.uid}`,
          ms: DEADLINES.childrenMs,
        }),
    });
    child.takesVolumes ||= parent.takesVolumes;
    if (this.#host.registry.hasUid(child.uid)) await this.remove(child);
  }

  /**
   * All of the removal in one list of the helper's, where no isolator has a word in it and nobody wants a record of the
   * end: one handover instead of three, for what nearly always succeeds.
   *
   * @returns false when it is to be done step by step, which tells what is wrong
   */
  async #removeAtOnce(container: Container): Promise<boolean> {
    const { launcher, paths } = this.#host;
    if (container.isolators.some(({ cleanup }) => cleanup !== undefined)) return false;
    await Promise.all([container.processSaved, container.sessionsSaved]);
    await container.link?.release();
    try {
      const { process } = container;
      const { uid } = container;
      const afterwards = forgetSteps(paths, uid);
      const removal = launcher.destroy(uid, DEADLINES.killMs, { afterwards, process });
      await this.#host.operations.during({ what: 'its removal', uid }, removal);
      return true;
    } catch (error) {
      if (error instanceof EngineError && error.kind === 'deadline-exceeded') throw error;
      return false;
    }
  }

  #announceRemoval(container: Container): void {
    this.#host.idRanges.release(container.uid);
    this.#host.registry.delete(container);
    this.#host.launcher.forget(container.uid);
    this.#host.events.emit({ ...aboutContainer(container), kind: 'removed', atMs: this.#host.effects.clock.nowMs() });
  }

  /** What cannot be removed now has an owner that is not there, so the next start removes it. */
  async #removeVolumes({ uid, takesVolumes }: Container): Promise<void> {
    if (!takesVolumes) return;
    try {
      await this.#host.volumes.removeOwned(uid, usersOf(this.#host, uid));
    } catch (error) {
      this.#host.report({ what: 'volumes of a removed container', uid, error });
    }
  }

  /** Nobody can ask again for the directories of a container that is not there, so they are the engine's own worry. */
  async #removeTrees(uid: ContainerUid): Promise<void> {
    try {
      await removeContainerTrees(this.#host, uid);
    } catch (error) {
      this.#host.metrics.directoriesLeft();
      this.#host.report({ what: 'directories of a removed container', uid, error });
      const attempt = (): Promise<void> => removeContainerTrees(this.#host, uid);
      void this.#host.retries.run({ what: 'directories of a removed container', uid, attempt });
    }
  }

  async #cleanCounted(container: Container): Promise<void> {
    try {
      await this.clean(container);
    } catch (error) {
      this.#host.metrics.destroyFailed();
      throw error;
    }
  }

  /** Releases what a terminated container held; joins a cleanup under way. @throws {EngineError} as `remove` */
  clean(container: Container): Promise<void> {
    if (this.#clean.has(container)) return Promise.resolve();
    const running = this.#cleaning.get(container);
    if (running !== undefined) return running.done;
    const done = this.#cleanUp(container)
      .then(() => {
        this.#clean.add(container);
      })
      .finally(() => this.#cleaning.delete(container));
    this.#cleaning.set(container, { done });
    return done;
  }

  /** A full disk must not keep what gives room when it goes: a container that is removed needs no record of its end. */
  async #saveTermination(container: Container, termination: Termination): Promise<void> {
    try {
      await this.#host.records.saveTermination(container.uid, termination, container.begunFor.at(-1));
    } catch (error) {
      if (!this.#removing.has(container)) throw error;
      this.#host.report({ what: 'record of the end of a container that is removed', uid: container.uid, error });
    }
  }

  /** The end is on disk before the monitor may forget it, and before the groups that could explain it are gone. */
  async #cleanUp(container: Container): Promise<void> {
    const { launcher } = this.#host;
    const { autoRemove } = container.config;
    if (!autoRemove && container.termination !== undefined) {
      await this.#saveTermination(container, container.termination);
    }
    await Promise.all([container.processSaved, container.sessionsSaved]);
    await container.changes;
    await container.link?.release();
    const { uid, process } = container;
    const kill = { what: 'the end of its processes and groups', uid, ms: DEADLINES.killMs };
    await this.#host.operations.during(kill, launcher.destroy(uid, DEADLINES.killMs, { process }));
    await cleanIsolators(this.#host, container);
    if (!keepsIds(container)) this.#host.idRanges.release(container.uid);
    if (!autoRemove) await removeStateTree(this.#host, container.uid);
  }
}
