import type { MonitorLink, ProcessEnd, ProcessIdentity } from '../launcher/launcher.ts';
import type { ExecConfig } from '../model/container-config.ts';
import type { ContainerUid } from '../model/container-id.ts';
import type { Termination } from '../model/exit-status.ts';
import { encodeMessage } from '../model/wire-codec.ts';
import { encodeSession } from '../plan/encode-session.ts';
import { whileGroupsStay } from './changes.ts';
import type { Container } from './container.ts';
import { EndedSessions } from './ended-sessions.ts';
import { engineErrors } from './errors.ts';
import type { Session, StreamPlaces, StreamTicket } from './facade.ts';
import { reportOtherVersion } from './found-monitor.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import { describeLaunchError } from './launch-error.ts';
import { generateUid } from './names.ts';
import { containerPaths } from './paths.ts';
import { newTickets } from './planned-launch.ts';
import { damageOf } from './problem.ts';
import { removeSocketOnceGone } from './removal.ts';
import { isRecent, uidOfKey } from './repeated-request.ts';
import { newSessionRecord, type SessionRecord } from './session-record.ts';
import { terminationOf } from './termination.ts';
import { checkSession } from './tracers.ts';

/** SIGKILL, signal(7). */
const SIGKILL = 9;
/** How long a session that has ended is held as one that may be sent signals and given observers. */
const KEPT_AFTER_END_MS = 60_000;
const MAX_SESSIONS_PER_CONTAINER = 1024;

/** A process that joined a container. */
interface LiveSession {
  readonly container: Container;
  readonly link: MonitorLink;
  readonly ended: Promise<Termination>;
  readonly startedAtMs: number;
  readonly record: SessionRecord;
  isOver: boolean;
}

/** How a session is started. */
export interface SessionStart {
  readonly requestKey?: string | undefined;
  /** What the caller calls it: its end is found by that. */
  readonly name?: string | undefined;
  /** Nobody asks for its end once it was waited for: it is not kept. */
  readonly leavesNothing?: true;
  /** Gives the start up; what was started then is ended. */
  readonly signal?: AbortSignal | undefined;
}

/** The exec sessions of all containers, and how the last ones of each ended. */
export class Sessions implements StreamPlaces {
  readonly #host: EngineHost;
  readonly #sessions = new Map<string, LiveSession>();
  readonly #ended: EndedSessions;
  readonly #closed = new AbortController();

  constructor(host: EngineHost) {
    this.#host = host;
    this.#ended = new EndedSessions(host);
  }

  get isIdle(): boolean {
    return this.liveCount === 0;
  }

  /** Sessions that have not ended. */
  get liveCount(): number {
    return [...this.#sessions.values()].filter(({ isOver }) => !isOver).length;
  }

  /**
   * Starts a process in a running container; resolves when exec has succeeded.
   *
   * @param how.requestKey an engine that has followed a killed one answers with what that one has started for it
   * @throws {EngineError} `engine.notRunning`, `engine.tooManySessions`, `engine.sessionMayBeTraced`, what the helper refused
   */
  async start(container: Container, exec: ExecConfig, how: SessionStart = {}): Promise<Session> {
    const before = how.requestKey === undefined ? undefined : this.#sessions.get(uidOfKey(how.requestKey));
    const isSame = before?.container.uid === container.uid && isRecent(this.#host, before.startedAtMs);
    if (isSame) return again(before, exec);
    this.#checkNotEnded(container, how.requestKey);
    return whileGroupsStay(container, () => this.#start(container, exec, how));
  }

  async #start(container: Container, exec: ExecConfig, how: SessionStart): Promise<Session> {
    initOf(container);
    const plan = await this.#host.records.loadPlan(container.uid);
    await checkSession(this.#host, container, plan);
    const init = initOf(container); // it may have ended meanwhile
    const mine = [...this.#sessions.values()].filter((session) => session.container === container);
    if (mine.length >= MAX_SESSIONS_PER_CONTAINER) {
      throw engineErrors.tooManySessions({ uid: container.uid, limit: MAX_SESSIONS_PER_CONTAINER });
    }
    const { random } = this.#host.effects;
    const id = this.#freeId(how.requestKey);
    const { control: controlTicket, owner: ownerTicket } = newTickets(random, exec.owned);
    const { socketPath } = containerPaths(this.#host.paths, id);
    const channel = { stateDirectory: '', socketPath, controlTicket, ownerTicket };
    const encoded = encodeSession({ plan, exec, init, channel });
    const { payload } = encodeMessage('launch', encoded);
    const link = await this.#host.launcher.launch({ uid: id, payload });
    void removeSocketOnceGone(this.#host, link, socketPath);
    try {
      const startedAtMs = this.#host.effects.clock.nowMs();
      const { bootId, records } = this.#host;
      const record = newSessionRecord({ ...how, id, bootId, controlTicket, startedAtMs, exec });
      // Before `start`, so that an agent that comes after us finds the session while it runs.
      await records.saveSession(container.uid, record);
      const started = Promise.all([link.started, link.start().catch(() => link.started)]);
      const step = { what: `start of session ${id}`, uid: container.uid, ms: DEADLINES.launchMs, signal: how.signal };
      const [process] = await this.#host.operations.within(step, started);
      // Before it is followed: the end of a short process lets its monitor go, and then nobody grants anything.
      const stream = await streamOf(link, socketPath, ownerTicket);
      this.#follow({ container, link, record: { ...record, startedAtMs: process.startedAtMs } });
      return { id, pid: process.process.pid, stream };
    } catch (error) {
      await this.#giveUp(container, id, link);
      throw describeLaunchError(error, { uid: id, encoded: () => encoded, enters: container.uid });
    }
  }

  /** Finds the sessions of a recovered container again; one whose monitor is gone has ended unseen. */
  async recover(container: Container, sessionIds: readonly string[]): Promise<void> {
    for (const id of sessionIds) {
      const loaded = await this.#host.records.loadSession(container.uid, id);
      if (loaded.kind === 'damaged') this.#host.report(damageOf(loaded, container.uid));
      if (loaded.kind !== 'present' || loaded.value.bootId !== this.#host.bootId) continue;
      const record = loaded.value;
      if (record.termination !== undefined) {
        await this.#ended.recovered(container.uid, { ...record, termination: record.termination });
        continue;
      }
      const ticket = Buffer.from(record.controlTicket, 'hex');
      const link = await this.#host.launcher.recover(id, ticket).catch(() => undefined);
      reportOtherVersion(this.#host, container.uid, link);
      if (link === undefined) {
        await this.#host.records.forgetSession(container.uid, id);
        continue;
      }
      void removeSocketOnceGone(this.#host, link, containerPaths(this.#host.paths, id).socketPath);
      this.#follow({ container, link, record });
      if (record.endsWithEngine === true) link.signal(SIGKILL).catch(() => {}); // gone already
    }
  }

  /** A ticket for a further observer. @throws {EngineError} `engine.unknownSession` */
  attach(id: string): Promise<StreamTicket> {
    return this.#get(id).link.grant('observer');
  }

  /** @throws {EngineError} `engine.unknownSession` (not-found) */
  async wait(id: string): Promise<Termination> {
    if (this.has(id)) return this.#get(id).ended; // once it is on disk
    return this.#ended.get(id)?.session.termination ?? this.#get(id).ended;
  }

  /** @throws {EngineError} `engine.unknownSession`, `launcher.processEnded` (failed-precondition) */
  async signal(id: string, signal: number): Promise<void> {
    await this.#get(id).link.signal(signal);
  }

  /** @throws {EngineError} `engine.unknownSession` */
  async containerOf(id: string): Promise<ContainerUid> {
    return this.#ended.get(id)?.container ?? this.#get(id).container.uid;
  }

  async endOf(container: ContainerUid, name: string): Promise<Termination | undefined> {
    return this.#ended.named(container, name)?.termination;
  }

  async forgetEnd(container: ContainerUid, name: string): Promise<void> {
    await this.#ended.remove(container, name);
  }

  /** Of a session or a container. @throws {EngineError} `engine.unknownContainer` */
  async socketOf(id: string): Promise<string> {
    const { registry, paths } = this.#host;
    const isExact = this.has(id) || registry.endOf(id) !== undefined;
    return containerPaths(paths, isExact ? id : registry.get(id).uid).socketPath;
  }

  /** Ends what is left of a container's sessions once it has ended itself: not every launcher has a group that does. */
  endAll(container: Container): void {
    this.#ended.drop(container.uid);
    for (const session of this.#sessions.values()) {
      if (session.container !== container || session.isOver) continue;
      session.link.signal(SIGKILL).catch(() => {}); // gone already
    }
  }

  /** Nobody will ask for the end of a session: it is not kept beyond that. */
  forget(id: string): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    const drop = (): void => void this.#sessions.delete(id);
    if (session.isOver) drop();
    else void session.ended.then(drop);
  }

  has(id: string): boolean {
    return this.#sessions.has(id);
  }

  /** Lets go of the sessions, which go on. */
  close(): void {
    this.#closed.abort();
    for (const { link, isOver } of this.#sessions.values()) if (!isOver) link.detach();
  }

  #freeId(requestKey: string | undefined): ContainerUid {
    const isTaken = (uid: string): boolean =>
      this.#sessions.has(uid) || this.#ended.get(uid) !== undefined || this.#host.registry.hasUid(uid);
    const wanted = requestKey === undefined ? undefined : uidOfKey(requestKey);
    return wanted === undefined || isTaken(wanted) ? generateUid(this.#host.effects.random, isTaken) : wanted;
  }

  #get(id: string): LiveSession {
    const session = this.#sessions.get(id);
    if (session === undefined) throw engineErrors.unknownSession({ id });
    return session;
  }

  /** @throws {EngineError} `engine.launchedBefore` (failed-precondition) */
  #checkNotEnded({ uid }: Container, requestKey: string | undefined): void {
    const ended = requestKey === undefined ? undefined : this.#ended.get(uidOfKey(requestKey));
    if (ended?.container !== uid || !isRecent(this.#host, ended.session.startedAtMs)) return;
    throw engineErrors.launchedBefore({ uid: ended.session.id });
  }

  #follow({ container, link, record }: Pick<LiveSession, 'container' | 'link' | 'record'>): void {
    const { id, startedAtMs } = record;
    const live: LiveSession = {
      container,
      link,
      record,
      ended: this.#endOf(container, link, record),
      startedAtMs,
      isOver: false,
    };
    this.#sessions.set(id, live);
    void this.#afterEnd(id, live);
  }

  /** On disk before anybody is told, for the monitor of a session goes with the engine. */
  async #endOf(container: Container, link: MonitorLink, record: SessionRecord): Promise<Termination> {
    const end: ProcessEnd = await link.ended;
    const termination = terminationOf({ end, limitations: [], startedAtMs: record.startedAtMs });
    if (record.leavesNothing !== true) await this.#ended.keep(container, { ...record, termination });
    return termination;
  }

  async #afterEnd(id: string, session: LiveSession): Promise<void> {
    await session.ended;
    session.isOver = true;
    await session.link.release();
    if (session.record.leavesNothing === true) await this.#forgetRecord(session.container, id);
    const kept = this.#host.effects.clock.sleep(KEPT_AFTER_END_MS, this.#closed.signal);
    await kept.catch(() => {}); // closing cuts it short
    this.#sessions.delete(id);
  }

  async #giveUp(container: Container, id: string, link: MonitorLink): Promise<void> {
    await link.abort().catch(() => {}); // gone already, or past its start
    await link.signal(SIGKILL).catch(() => {}); // past its start: nobody knows it, so it must not stay
    await link.release();
    await this.#forgetRecord(container, id);
  }

  async #forgetRecord({ uid }: Container, id: string): Promise<void> {
    try {
      await this.#host.records.forgetSession(uid, id);
    } catch (error) {
      this.#host.report({ what: `record of session ${id}`, uid, error });
    }
  }
}

/** What was started for the same request. @throws {EngineError} `engine.launchedBefore` (failed-precondition): it has ended */
async function again({ link, isOver }: LiveSession, { owned }: ExecConfig): Promise<Session> {
  const { uid: id } = link;
  if (isOver) throw engineErrors.launchedBefore({ uid: id });
  const { pid } = await link.cloned;
  return { id, pid, stream: await link.grant(owned ? 'owner' : 'observer') };
}

async function streamOf(link: MonitorLink, socketPath: string, ownerTicket: Uint8Array): Promise<StreamTicket> {
  if (ownerTicket.length === 0) return link.grant('observer');
  return { socketPath, ticket: Buffer.from(ownerTicket).toString('hex') };
}

/** @throws {EngineError} `engine.notRunning` (failed-precondition) */
function initOf({ state, process, uid }: Container): ProcessIdentity {
  if (state === 'running' && process !== undefined) return process;
  throw engineErrors.notRunning({ uid, state, wanted: 'exec' });
}
