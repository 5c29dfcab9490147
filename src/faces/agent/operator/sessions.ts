import type { Clock, HelperConnection } from '../../../base/effects.ts';
import type { Engine, StreamTicket } from '../../../engine/facade.ts';
import type { ContainerUid } from '../../../model/container-id.ts';
import { completeExecConfig } from '../../../model/container-request.ts';
import type { Termination } from '../../../model/exit-status.ts';
import type { SessionCall } from './call-schemas.ts';
import { type ContainerId, check, find, idText, type NestedId, pathOf } from './container-ids.ts';
import { operatorErrors } from './errors.ts';
import { connectStream, outputRecords, type StreamPorts } from './process-io.ts';
import { type TranslatedSession, translateSession } from './translate-session.ts';

const SIGKILL = 9;
/** Sessions that are known, those that have ended and were not removed included. */
const MOST_SESSIONS = 4096;

/** A process that a session started. */
interface Started {
  /** By which the engine knows a session that is no container. */
  readonly sessionId: string | undefined;
  readonly pid: number | undefined;
  readonly stream: StreamTicket;
  readonly ended: Promise<Termination>;
  /** Ends it; fine for one that has ended. */
  readonly end: () => Promise<void>;
}

/** A session whose client listens. */
export interface OpenSession extends Omit<Started, 'stream'> {
  /** The owner's: whoever types into the session types here. */
  readonly connection: HelperConnection;
}

/** Where a session runs, and what it is called there. */
interface SessionPlace {
  readonly parent: ContainerUid;
  readonly name: string;
}

interface Held {
  readonly id: NestedId;
  readonly parent: ContainerUid;
  /** Missing while it starts. */
  open: OpenSession | undefined;
  isOver: boolean;
}

/**
 * The sessions of the operator API by their ids, for the engine names a further process of a container itself. One that
 * has ended is known until it is removed, its container is gone, or thousands came after it.
 */
export class OperatorSessions {
  readonly #ports: StreamPorts;
  readonly #held = new Map<string, Held>();

  constructor(ports: StreamPorts) {
    this.#ports = ports;
  }

  /**
   * Starts a session, which is its client's: the caller calls `end` when that one leaves.
   *
   * @returns `undefined` when a session of this id is under way already
   * @throws {EngineError} `operator.unknownContainer` (not-found), `operator.idTaken` (already-exists), whatever refuses the launch
   */
  async open(engine: Engine, call: SessionCall): Promise<OpenSession | undefined> {
    const { container_id: id } = call;
    const translated = translateSession(call);
    const [{ uid: parent }, container] = await Promise.all([find(engine, id.parent), check(engine, id)]);
    const earlier = await engine.streams.endOf(parent, id.value);
    const key = pathOf(id);
    const holder = this.#held.get(key);
    if (holder?.parent === parent && !holder.isOver) return undefined;
    if (holder?.parent === parent || earlier !== undefined || container !== undefined) {
      throw operatorErrors.idTaken({
        id: idText(id),
        holder: container === undefined ? 'a session that has ended' : 'a container',
      });
    }
    this.#makeRoom();
    const held: Held = { id, parent, open: undefined, isOver: false };
    this.#held.set(key, held);
    try {
      held.open = await this.#start(engine, translated, { parent, name: id.value });
    } catch (error) {
      this.#forget(held);
      throw error;
    }
    void this.#follow(held, held.open);
    return held.open;
  }

  /** The process of a session that is no container. */
  async process(engine: Engine, id: ContainerId): Promise<(OpenSession & { readonly isOver: boolean }) | undefined> {
    const held = await this.#find(engine, id);
    return held?.open?.sessionId === undefined ? undefined : { ...held.open, isOver: held.isOver };
  }

  /** Where input of a session goes, while it is under way. */
  async input(engine: Engine, id: ContainerId): Promise<HelperConnection | undefined> {
    const held = await this.#find(engine, id);
    return held === undefined || held.isOver ? undefined : held.open?.connection;
  }

  /** Whether a session of this id is there, or comes. */
  async has(engine: Engine, id: ContainerId): Promise<boolean> {
    return (await this.#find(engine, id)) !== undefined || (await this.endOf(engine, id)) !== undefined;
  }

  /** How one ended that an agent before this one has started. */
  async endOf(engine: Engine, id: ContainerId): Promise<Termination | undefined> {
    const parent = id.parent && (await check(engine, id.parent));
    return parent && engine.streams.endOf(parent.uid, id.value);
  }

  /** Frees the id of one that has ended. */
  forget(id: ContainerId): void {
    this.#held.delete(pathOf(id));
  }

  /** The same of one that an agent before this one has started, too, where the caller sees its container. */
  async forgetEnd(engine: Engine, id: ContainerId): Promise<void> {
    const parent = id.parent && (await check(engine, id.parent));
    if (parent !== undefined) await engine.streams.forgetEnd(parent.uid, id.value);
  }

  /** Processes of sessions that are under way, with the container of each. */
  processes(): readonly {
    readonly id: ContainerId;
    readonly parent: ContainerUid;
    readonly pid: number | undefined;
  }[] {
    return [...this.#held.values()].flatMap(({ id, parent, open, isOver }) =>
      isOver || open?.sessionId === undefined ? [] : [{ id, parent, pid: open.pid }],
    );
  }

  /** One whose container is gone is gone with it, also where another one has its name now. */
  async #find(engine: Engine, id: ContainerId): Promise<Held | undefined> {
    const held = this.#held.get(pathOf(id));
    if (held === undefined) return undefined;
    const parent = await check(engine, held.id.parent);
    if (parent?.uid === held.parent) return held;
    // Who does not see its container may not take it from those who do.
    if (parent !== undefined) this.#forget(held);
    return undefined;
  }

  async #start(engine: Engine, session: TranslatedSession, place: SessionPlace): Promise<OpenSession> {
    const { stream, ...started } = await startOf(engine, session, place);
    try {
      const wanted = { id: started.sessionId ?? place.parent, role: 'owner', stdin: true } as const;
      return { ...started, connection: await connectStream(this.#ports, stream, wanted) };
    } catch (error) {
      await started.end();
      throw error;
    }
  }

  async #follow(held: Held, { ended }: OpenSession): Promise<void> {
    await ended.catch(() => {}); // the engine was closed
    held.isOver = true;
  }

  #forget(held: Held): void {
    const key = pathOf(held.id);
    if (this.#held.get(key) === held) this.#held.delete(key);
  }

  /** @throws {EngineError} `operator.tooManySessions` (resource-exhausted) */
  #makeRoom(): void {
    if (this.#held.size < MOST_SESSIONS) return;
    const oldest = [...this.#held.values()].find(({ isOver }) => isOver);
    if (oldest === undefined) throw operatorErrors.tooManySessions({ limit: MOST_SESSIONS });
    this.#forget(oldest);
  }
}

/** Output of a session, which is ended when nobody reads on. */
export async function* sessionRecords(
  { connection, end }: OpenSession,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* outputRecords(connection, clock, signal);
  } finally {
    connection.close();
    await end();
  }
}

async function startOf(engine: Engine, session: TranslatedSession, { parent, name }: SessionPlace): Promise<Started> {
  if (session.kind === 'process') {
    const { id, pid, stream } = await engine.exec(completeExecConfig(parent, session.request), { name });
    const end = () => engine.signalSession(id, SIGKILL).catch(() => {}); // it has ended
    return { sessionId: id, pid, stream, ended: engine.waitSession(id), end };
  }
  const { status, stream } = await engine.launch({ ...session.launch.config, parent }, session.launch.secrets);
  const end = () => engine.kill(status.uid, SIGKILL).catch(() => {}); // it has ended
  const ended = engine.wait(status.uid);
  return { sessionId: undefined, pid: status.pid, stream: stream ?? (await engine.attach(status.uid)), ended, end };
}
