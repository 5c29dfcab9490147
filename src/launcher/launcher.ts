import type { PressureTrigger } from '../linux/pressure.ts';
import type { ContainerUid } from '../model/container-id.ts';
import type { ExitStatus } from '../model/exit-status.ts';
import type { CgroupPlacement, CgroupPlan } from '../model/launch-plan.ts';
import type { MessageValues, Step } from '../model/wire.ts';

export type { LaunchFailure } from '../model/launch-failure.ts';

/** Everything a launch frame holds, decided by plan/encode; see MESSAGES.launch in model/wire.ts. */
export type EncodedLaunch = MessageValues<'launch'>;

/** A process that the kernel cannot confuse with another: its pid was given out at this time after boot (ticks). */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: bigint;
}

/** What became of a launch that reached exec. */
export interface StartedProcess {
  readonly process: ProcessIdentity;
  readonly startedAtMs: number;
  /** Microseconds since the launch frame arrived at the monitor, by milestone. */
  readonly timings: ReadonlyMap<string, number>;
}

export interface ProcessEnd {
  readonly exitStatus: ExitStatus;
  readonly atMs: number;
  /** False when the output could not be read to its end. */
  readonly outputComplete: boolean;
}

/** Of a monitor that this agent asks for nothing but what every version knows. */
export interface OtherVersion {
  readonly theirs: number;
  /** Those that this agent speaks. */
  readonly oldest: number;
  readonly newest: number;
}

/**
 * The live link to one monitor. It stands from the launch, or from `recover`, until `release` or the monitor's death.
 */
export interface MonitorLink {
  readonly uid: string;
  /** Such a monitor grants no tickets and reads no counters. */
  readonly otherVersion?: OtherVersion | undefined;
  /** The child exists and its host steps run; rejects with the failed step as an error. */
  readonly cloned: Promise<ProcessIdentity>;
  /** All steps up to the start barrier are done. */
  readonly prepared: Promise<void>;
  /** exec has succeeded. Rejects when a step or exec failed. */
  readonly started: Promise<StartedProcess>;
  /** Init has ended; `lost` when the monitor vanished first. Never rejects. */
  readonly ended: Promise<ProcessEnd>;
  /** The connection to the monitor is over, whoever ended it: nothing more will come. Never rejects. */
  readonly gone: Promise<void>;
  /** Opens the start barrier. */
  start(): Promise<void>;
  /** Before start: kills the child. */
  abort(): Promise<void>;
  /** @throws {EngineError} `launcher.processEnded` (failed-precondition) once init was reaped */
  signal(signal: number): Promise<void>;
  /** Admits one attachment with a fresh ticket; the caller connects to `socketPath` with it. @throws {EngineError} `launcher.monitorVersion` (unimplemented) */
  grant(role: 'owner' | 'observer'): Promise<AttachTicket>;
  /** The values of the step open-counters now, for linux/perf-events.ts to decode; none without such a step. */
  readCounters(): Promise<Uint8Array>;
  /** The end was recorded: the monitor may go. */
  release(): Promise<void>;
  /** Lets go of a monitor that goes on alone; nothing that is not settled by then ever settles. */
  detach(): void;
}

/** What a client needs to attach straight to a monitor. */
export interface AttachTicket {
  readonly socketPath: string;
  /** 32 hex digits; good for one attachment. */
  readonly ticket: string;
}

export interface LaunchRequest {
  /** Container uid, or an exec session's own uid. */
  readonly uid: string;
  /** Of the launch frame, an encoded `EncodedLaunch`. */
  readonly payload: Uint8Array;
  /** Of a container, the groups of its plan; an exec session is in those of its container. */
  readonly cgroups?: readonly CgroupPlan[];
}

/** Something that is watched in the kernel. */
export interface Watch {
  /** Settles when nothing more will come: its group was removed, it was stopped, or (rejected) the helper is gone. */
  readonly over: Promise<void>;
  /** A second call does nothing. */
  stop(): void;
}

/** A connection by TCP that is to be tried. */
export interface PortTry {
  /** IPv4 or IPv6, in numbers. */
  readonly address: string;
  readonly port: number;
  /** For all of it. */
  readonly timeoutMs: number;
  /** What is sent; empty: that the connection stands is all. */
  readonly request: Uint8Array;
  /** Once these bytes have come the end is waited for no longer than `settleMs`; empty: until the timeout. */
  readonly until: Uint8Array;
  readonly settleMs: number;
  /** Of the answer; at most 64 KiB. */
  readonly maxBytes: number;
}

export interface PortAnswer {
  /** An errno by name: `ESRCH` the process is gone, `ETIMEDOUT`, what connect(2) said. `undefined`: it was done. */
  readonly failure: string | undefined;
  /** What had come by then, also of one that failed. */
  readonly answer: Uint8Array;
}

/** A signal to all that is in a container. */
export interface SignalToAll {
  readonly signal: number;
  /** They stand still already, and are left so. */
  readonly isFrozen: boolean;
  /** For them to stand still; what cannot gets the signal all the same. */
  readonly deadlineMs: number;
}

export type GroupWatchKind = 'events' | 'outOfMemory';

/** Forks processes into their namespaces and tracks them; owns the tracking cgroup, whatever isolators are chosen. */
export interface Launcher {
  /**
   * Where a container's groups are: tracking (v2 if mounted, else the v1 freezer), one per chosen controller, and the
   * shared group of every other mounted hierarchy. For a nested container its parent's group takes the place of the
   * shared one.
   *
   * @param around of a nested container: the groups that its parent is in
   */
  placement(
    uid: ContainerUid,
    controllers: readonly string[],
    around?: readonly { readonly path: string }[],
  ): CgroupPlacement;
  /** From here on the groups of this container lie in those of the other; before anything else is asked about it. */
  nest(uid: ContainerUid, parent: ContainerUid): void;
  /** Nothing more will be asked about this container. Idempotent. */
  forget(uid: ContainerUid): void;
  /** Sends the plan to a waiting monitor. Rejects only when no helper (`launcher.unavailable`), or no scope can be had. */
  launch(request: LaunchRequest): Promise<MonitorLink>;
  /**
   * Tells whoever else keeps the bounds of containers (systemd) which are in force, or are about to be.
   *
   * @param more.besides bounds that must have room for, too: those that are written over meanwhile
   * @throws {EngineError} `launcher.scopeRefused` (failed-precondition): nothing was changed; any other: it may be
   */
  announceBounds(
    uid: ContainerUid,
    cgroups: readonly CgroupPlan[],
    more?: { readonly besides: readonly CgroupPlan[] },
  ): Promise<void>;
  /** Reconnects to the monitor of an earlier agent; `undefined` when it is gone (its status file may tell the end). */
  recover(uid: string, controlTicket: Uint8Array): Promise<MonitorLink | undefined>;
  /** The end that a monitor or the fork server wrote to `<state>/c/<uid>/status`, if any. */
  recordedEnd(uid: string): Promise<ProcessEnd | undefined>;
  /**
   * Kills every process of the container and waits until none is left, then removes its groups. Idempotent.
   *
   * @param more.afterwards further host steps, idempotent ones, that are run once all that is done
   * @param more.process its first process as it was recorded, for a launcher that has no other trace of one whose monitor
   *   is gone
   * @throws {EngineError} `launcher.unkillable` (deadline-exceeded): processes remain at the deadline
   */
  destroy(
    uid: ContainerUid,
    deadlineMs: number,
    more?: { readonly afterwards?: readonly Step[]; readonly process?: ProcessIdentity | undefined },
  ): Promise<void>;
  /**
   * Stops every process of the container where it stands; returns once none runs. Idempotent.
   *
   * @throws {EngineError} `launcher.unfreezable` (deadline-exceeded): some still ran at the deadline, and all go on
   */
  freeze(uid: ContainerUid, deadlineMs: number): Promise<void>;
  /** Lets the processes of a frozen container go on. Idempotent. @throws {EngineError} `launcher.unfreezable` */
  thaw(uid: ContainerUid, deadlineMs: number): Promise<void>;
  /**
   * Sends a signal to every process of the container, nested ones and sessions included, also to those that fork meanwhile.
   *
   * @throws {EngineError} `helper-worker.stepFailed` with ENOENT: it has ended
   */
  signalAll(uid: ContainerUid, how: SignalToAll): Promise<void>;
  /** Whether the container is frozen, or about to be; false where it has no group. */
  isFrozen(uid: ContainerUid): Promise<boolean>;
  /**
   * Host path of the group that holds every process of the container, nested ones included: frozen and killed as one.
   * It need not be there. `undefined` from a launcher that tracks without groups.
   */
  trackingGroup(uid: ContainerUid): { readonly path: string; readonly version: 1 | 2 } | undefined;
  /**
   * Calls `noticed` each time the container's processes have waited for a resource as long as the trigger says.
   *
   * @throws {EngineError} `launcher.noPressure`, `launcher.pressureWindow`, `launcher.watchRefused` (failed-precondition)
   */
  watchPressure(uid: ContainerUid, trigger: PressureTrigger, noticed: () => void): Promise<Watch>;
  /**
   * Calls `noticed` each time a group has something to say; `path` is a file of v2, or a v1 memory group.
   *
   * @throws {EngineError} `launcher.watchRefused` (failed-precondition), `launcher.watcherGone` (unavailable)
   */
  watchGroup(source: { readonly kind: GroupWatchKind; readonly path: string }, noticed: () => void): Promise<Watch>;
  /**
   * Connects to a port as somebody in the network namespace of a process would. No program of the container has a part in it.
   *
   * @throws {EngineError} `launcher.portTriesGone`, `launcher.unavailable` (unavailable)
   */
  tryPort(process: ProcessIdentity, request: PortTry): Promise<PortAnswer>;
  /** Uids that have a group on this host, nested ones with what they are nested in. */
  containers(): Promise<readonly ContainerUid[]>;
  /** Pids in the tracking group, as the host sees them. */
  processes(uid: ContainerUid): Promise<readonly number[]>;
}
