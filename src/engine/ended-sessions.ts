import type { ContainerUid } from '../model/container-id.ts';
import type { Termination } from '../model/exit-status.ts';
import type { Container } from './container.ts';
import type { EngineHost } from './host.ts';
import type { SessionRecord } from './session-record.ts';

/** Ends that are kept of one container; the oldest goes first. */
const ENDED_SESSIONS_PER_CONTAINER = 64;

/** A session that has ended, as its record has it. */
export type EndedSession = SessionRecord & { readonly termination: Termination };

/**
 * How the last sessions of each running container ended, also on disk, so that an engine that follows a killed one can say so.
 * They go with the end of their container.
 */
export class EndedSessions {
  readonly #host: Pick<EngineHost, 'records' | 'report'>;
  readonly #byContainer = new Map<ContainerUid, Map<string, EndedSession>>();

  constructor(host: Pick<EngineHost, 'records' | 'report'>) {
    this.#host = host;
  }

  /** Never rejects: what cannot be written is known to this engine alone. The cleanup of a container waits for it. */
  keep(container: Container, session: EndedSession): Promise<void> {
    const { uid } = container;
    const { id } = session;
    if (container.isEnding) return this.#forget(uid, id); // its directory is about to go
    this.#add(uid, session);
    const saving = this.#save(uid, session);
    container.sessionsSaved = Promise.all([container.sessionsSaved, saving]).then(() => {});
    return saving;
  }

  /** One whose end is on disk. */
  async recovered(container: ContainerUid, session: EndedSession): Promise<void> {
    this.#add(container, session);
    await this.#prune(container);
  }

  async #save(container: ContainerUid, session: EndedSession): Promise<void> {
    await this.#host.records
      .saveSession(container, session)
      .catch((error) => this.#report(container, session.id, error));
    await this.#prune(container);
    // Others came meanwhile, or somebody had no more use for it.
    if (this.#byContainer.get(container)?.has(session.id) === false) await this.#forget(container, session.id);
  }

  #add(container: ContainerUid, session: EndedSession): void {
    const kept = this.#byContainer.get(container) ?? new Map<string, EndedSession>();
    this.#byContainer.set(container, kept);
    kept.set(session.id, session);
  }

  async #prune(container: ContainerUid): Promise<void> {
    const kept = this.#byContainer.get(container);
    while (kept !== undefined && kept.size > ENDED_SESSIONS_PER_CONTAINER) {
      const [oldest] = [...kept.values()].sort((a, b) => a.termination.finishedAtMs - b.termination.finishedAtMs);
      if (oldest === undefined) return;
      kept.delete(oldest.id);
      await this.#forget(container, oldest.id);
    }
  }

  get(id: string): { readonly container: ContainerUid; readonly session: EndedSession } | undefined {
    for (const [container, kept] of this.#byContainer) {
      const session = kept.get(id);
      if (session !== undefined) return { container, session };
    }
    return undefined;
  }

  /** The last one that its caller called so. */
  named(container: ContainerUid, name: string): EndedSession | undefined {
    return [...(this.#byContainer.get(container)?.values() ?? [])].findLast((session) => session.name === name);
  }

  /** Somebody has no more use for the ends of what he called so. */
  async remove(container: ContainerUid, name: string): Promise<void> {
    const kept = this.#byContainer.get(container);
    for (const session of [...(kept?.values() ?? [])]) {
      if (session.name !== name) continue;
      kept?.delete(session.id);
      await this.#forget(container, session.id);
    }
  }

  /** The container has ended; its cleanup removes what is on disk. */
  drop(container: ContainerUid): void {
    this.#byContainer.delete(container);
  }

  async #forget(container: ContainerUid, id: string): Promise<void> {
    await this.#host.records.forgetSession(container, id).catch((error) => this.#report(container, id, error));
  }

  #report(container: ContainerUid, id: string, error: unknown): void {
    this.#host.report({ what: `record of session ${id}`, uid: container, error });
  }
}
