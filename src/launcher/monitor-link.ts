import { withDeadline } from '../base/deadline.ts';
import type { Effects, Frame, HelperConnection } from '../base/effects.ts';
import { exitStatusOf } from '../model/exit-status.ts';
import { ATTACH_ROLE, FAILURE_PHASE, type MessageValues } from '../model/wire.ts';
import { decodeMessage, encodeMessage, messageName } from '../model/wire-codec.ts';
import { launcherErrors } from './errors.ts';
import type {
  AttachTicket,
  LaunchFailure,
  MonitorLink,
  ProcessEnd,
  ProcessIdentity,
  StartedProcess,
} from './launcher.ts';

const TICKET_BYTES = 16;
const REQUEST_DEADLINE_MS = 10_000;
/** Every worker that waited may have died with its fork server. */
const MAX_RELAUNCHES = 3;

export interface LinkOptions {
  readonly uid: string;
  readonly socketPath: string;
  readonly connection: HelperConnection;
  readonly effects: Effects;
  /** Sends the launch to another worker; absent for a link to a monitor that is there already. */
  readonly relaunch?: () => Promise<HelperConnection>;
  /** The end that was written to disk, asked when the monitor vanishes. */
  readonly recordedEnd: () => Promise<ProcessEnd | undefined>;
}

interface PendingRequest {
  readonly what: string;
  readonly resolve: (counters: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

/** Follows one monitor through its frames. Answers to requests come in the order of the requests. */
export class FramedMonitorLink implements MonitorLink {
  readonly uid: string;
  readonly cloned: Promise<ProcessIdentity>;
  readonly prepared: Promise<void>;
  readonly started: Promise<StartedProcess>;
  readonly ended: Promise<ProcessEnd>;
  readonly gone: Promise<void>;
  readonly #options: Omit<LinkOptions, 'relaunch'>;
  /** Holds the whole launch frame, so it is let go with the first answer. */
  #relaunchOnce: LinkOptions['relaunch'];
  readonly #cloned = Promise.withResolvers<ProcessIdentity>();
  readonly #prepared = Promise.withResolvers<void>();
  readonly #started = Promise.withResolvers<StartedProcess>();
  readonly #ended = Promise.withResolvers<ProcessEnd>();
  readonly #gone = Promise.withResolvers<void>();
  readonly #requests: PendingRequest[] = [];
  #connection: HelperConnection;
  #relaunches = 0;
  /** Whether a frame has come, or nobody wants one any more. */
  #settled = false;
  #startWanted = false;
  #process: ProcessIdentity | undefined;
  #timings: ReadonlyMap<string, number> = new Map();
  #over = false;
  #detached = false;
  #sawEnd = false;

  constructor({ relaunch, ...options }: LinkOptions) {
    this.uid = options.uid;
    this.#options = options;
    this.#relaunchOnce = relaunch;
    this.#connection = options.connection;
    this.cloned = this.#cloned.promise;
    this.prepared = this.#prepared.promise;
    this.started = this.#started.promise;
    this.ended = this.#ended.promise;
    this.gone = this.#gone.promise;
    // Whoever awaits one of them sees the rejection; the others must not end the agent.
    for (const promise of [this.cloned, this.prepared, this.started]) promise.catch(() => {});
  }

  /** Reads frames until the connection ends. */
  async follow(): Promise<void> {
    do await this.#readAll();
    while (await this.#relaunch());
    await this.#vanish();
  }

  /** Fills in what an earlier agent saw already. */
  resume(attached: MessageValues<'attached'>, startedAtMs: number): void {
    const process = { pid: Number(attached.pid), startTime: BigInt(attached.startTime) };
    this.#process = process;
    this.#cloned.resolve(process);
    const state = Number(attached.state);
    if (state >= 1) this.#prepared.resolve();
    if (state >= 2) this.#started.resolve({ process, startedAtMs, timings: new Map() });
  }

  async start(): Promise<void> {
    this.#startWanted = true;
    try {
      await this.#send('start', {});
    } catch (error) {
      if (!this.#mayRelaunch()) throw error; // else the next worker gets it
    }
  }

  async abort(): Promise<void> {
    this.#settled = true;
    await this.#send('abort', {});
  }

  async signal(signal: number): Promise<void> {
    await this.#request('signal', { signal });
  }

  async grant(role: 'owner' | 'observer'): Promise<AttachTicket> {
    const ticket = this.#options.effects.random.bytes(TICKET_BYTES);
    await this.#request('grant', { ticket, role: ATTACH_ROLE[role] });
    return { socketPath: this.#options.socketPath, ticket: Buffer.from(ticket).toString('hex') };
  }

  readCounters(): Promise<Uint8Array> {
    return this.#request('readCounters', {});
  }

  async release(): Promise<void> {
    if (this.#over) return;
    await this.#send('release', {}).catch(() => {});
  }

  detach(): void {
    this.#detached = true;
    this.#settled = true;
    this.#connection.close();
  }

  async #readAll(): Promise<void> {
    try {
      for (;;) {
        const frame = await this.#connection.receive();
        if (frame === undefined) return;
        this.#settled = true;
        this.#relaunchOnce = undefined;
        this.#take(frame);
      }
    } catch {
      // A reset connection and an ended one mean the same here: the monitor is gone.
    }
  }

  #mayRelaunch(): boolean {
    return !this.#settled && this.#relaunchOnce !== undefined && this.#relaunches < MAX_RELAUNCHES;
  }

  /**
   * A worker that waits dies with its fork server, also with our frame half read; that it made a child is the first
   * thing it says. One that said nothing has done nothing, and another one gets the launch.
   */
  async #relaunch(): Promise<boolean> {
    if (!this.#mayRelaunch()) return false;
    this.#relaunches += 1;
    this.#connection.close();
    try {
      const connection = await this.#relaunchOnce?.();
      if (connection === undefined) return false;
      this.#connection = connection;
      if (this.#settled) connection.close(); // aborted meanwhile: closing undoes it
      if (this.#settled) return false; // given up meanwhile: closing it undoes it
      if (this.#startWanted) await this.#send('start', {});
    } catch {
      return this.#mayRelaunch();
    }
    return true;
  }

  async #send<Name extends 'start' | 'abort' | 'signal' | 'grant' | 'readCounters' | 'release'>(
    name: Name,
    values: MessageValues<Name>,
  ): Promise<void> {
    const frame = encodeMessage(name, values);
    try {
      await this.#connection.send(frame.type, frame.payload);
    } catch (error) {
      throw launcherErrors.monitorGone({ uid: this.uid, during: name }, error);
    }
  }

  async #request<Name extends 'signal' | 'grant' | 'readCounters'>(
    name: Name,
    values: MessageValues<Name>,
  ): Promise<Uint8Array> {
    if (this.#over) throw launcherErrors.processEnded({ uid: this.uid });
    const answered = Promise.withResolvers<Uint8Array>();
    answered.promise.catch(() => {});
    this.#requests.push({ what: name, resolve: answered.resolve, reject: answered.reject });
    await this.#send(name, values);
    return withDeadline(this.#options.effects.clock, answered.promise, {
      ms: REQUEST_DEADLINE_MS,
      expired: () =>
        launcherErrors.monitorGone({ uid: this.uid, during: `${name}, unanswered for ${REQUEST_DEADLINE_MS} ms` }),
    });
  }

  #take(frame: Frame): void {
    switch (messageName(frame)) {
      case 'cloned': {
        const { pid, startTime } = decodeMessage('cloned', frame);
        this.#process = { pid: Number(pid), startTime: BigInt(startTime) };
        this.#cloned.resolve(this.#process);
        return;
      }
      case 'prepared':
        this.#prepared.resolve();
        return;
      case 'timings':
        this.#timings = timingsOf(decodeMessage('timings', frame));
        return;
      case 'started':
        this.#takeStarted(Number(decodeMessage('started', frame).atMs));
        return;
      case 'exited':
        this.#takeExited(decodeMessage('exited', frame));
        return;
      case 'done':
        this.#requests.shift()?.resolve(new Uint8Array(0));
        return;
      case 'counters':
        this.#requests.shift()?.resolve(decodeMessage('counters', frame).values);
        return;
      case 'failed':
        this.#takeFailed(decodeMessage('failed', frame));
        return;
      default:
        // A newer monitor may tell more than this version knows; what it needs, it tells in the frames above.
        return;
    }
  }

  #takeStarted(startedAtMs: number): void {
    if (this.#process === undefined) return;
    this.#started.resolve({ process: this.#process, startedAtMs, timings: this.#timings });
  }

  #takeExited(values: MessageValues<'exited'>): void {
    this.#sawEnd = true;
    this.#ended.resolve({
      exitStatus: exitStatusOf(Number(values.waitStatus)),
      atMs: Number(values.atMs),
      outputComplete: Number(values.output) === 1,
    });
  }

  /** A failure answers a request when one waits and the phase says so; else the launch itself has failed. */
  #takeFailed(values: MessageValues<'failed'>): void {
    const pending = Number(values.phase) === FAILURE_PHASE.request ? this.#requests.shift() : undefined;
    if (pending !== undefined) {
      pending.reject(launcherErrors.processEnded({ uid: this.uid }));
      return;
    }
    this.#reject(launcherErrors.launchFailed({ ...failureOf(values) }));
  }

  #reject(error: unknown): void {
    this.#cloned.reject(error);
    this.#prepared.reject(error);
    this.#started.reject(error);
  }

  async #vanish(): Promise<void> {
    this.#over = true;
    this.#connection.close();
    if (this.#detached) return; // the monitor lives: neither its end nor its absence is to be told
    this.#gone.resolve();
    for (const request of this.#requests.splice(0)) {
      request.reject(launcherErrors.monitorGone({ uid: this.uid, during: request.what }));
    }
    if (this.#sawEnd) return; // in order: nobody is left to be told
    this.#reject(launcherErrors.monitorGone({ uid: this.uid, during: 'launch' }));
    const recorded = await this.#options.recordedEnd().catch(() => undefined);
    this.#ended.resolve(
      recorded ?? { exitStatus: { kind: 'lost' }, atMs: this.#options.effects.clock.nowMs(), outputComplete: false },
    );
  }
}

function failureOf(values: MessageValues<'failed'>): LaunchFailure {
  const phases = Object.entries(FAILURE_PHASE) as [LaunchFailure['phase'], number][];
  const phase = phases.find(([, number]) => number === Number(values.phase))?.[0] ?? 'request';
  return { phase, stepIndex: Number(values.step), errno: Number(values.errno), detail: values.detail };
}

/** Names and as many little-endian u32. */
function timingsOf(values: MessageValues<'timings'>): ReadonlyMap<string, number> {
  const bytes = Buffer.from(values.microseconds);
  return new Map(
    values.names.flatMap((name, index) => {
      const offset = index * 4;
      return offset + 4 <= bytes.length ? [[name, bytes.readUInt32LE(offset)] as const] : [];
    }),
  );
}
