import type { UsageSubject } from '../isolators/isolator.ts';
import type { PressureKind, PressureResource, PressureTrigger, ResourcePressure } from '../linux/pressure.ts';
import type { ContainerConfig, ExecConfig } from '../model/container-config.ts';
import type { ContainerUid } from '../model/container-id.ts';
import type { DockerHost } from '../model/docker-host.ts';
import type { Termination } from '../model/exit-status.ts';
import type { Image } from '../model/image-config.ts';
import type { LaunchPlan } from '../model/launch-plan.ts';
import type { OtherChanges } from '../model/other-changes.ts';
import type { RegistryCredential } from '../model/registry-credential.ts';
import type { ResourceChanges } from '../model/resource-changes.ts';
import type { Resources } from '../model/resources.ts';
import type { SecretValues } from '../model/volume.ts';
import type { ContainerState, ContainerStatus, DiskStats, StreamTicket } from './container-status.ts';
import type { Diagnostics } from './diagnostics/diagnostics-facade.ts';
import type { EngineEvent, EventPosition, EventQuery } from './event.ts';
import type { FileOperations } from './file-facade.ts';
import type { LifeOperations } from './life-facade.ts';
import type { RegistryOperations } from './registry-facade.ts';
import type { SandboxOperations } from './sandbox-facade.ts';
import type { TransferOperations } from './transfer-facade.ts';
import type { UpkeepOperations } from './upkeep-facade.ts';
import type { VolumeOperations } from './volume-facade.ts';
import type { ImageRecordOperations } from './written/image-record-facade.ts';
import type { WrittenOperations } from './written/written-facade.ts';

export type {
  ContainerState,
  ContainerStatus,
  DiskBound,
  DiskStats,
  RestartStatus,
  StreamTicket,
} from './container-status.ts';

/** Which streams there are, and where. */
export interface StreamPlaces {
  /** Where the monitor of a container or session listens, for whoever has a ticket; also of one that has just gone. @throws not-found */
  socketOf(id: string): Promise<string>;
  /** Whose a session is. @throws not-found */
  containerOf(sessionId: string): Promise<ContainerUid>;
  /** How the session that its caller called so ended, while its container runs; also one of an engine that was killed since. */
  endOf(container: ContainerUid, name: string): Promise<Termination | undefined>;
  /** Frees the name of a session that has ended; none is fine. */
  forgetEnd(container: ContainerUid, name: string): Promise<void>;
}

export interface ExecOptions extends Pick<LaunchOptions, 'requestKey'> {
  readonly name?: string;
}

export interface LaunchOptions {
  /** An image that is not here is told (`engine.imageMissing`) and not pulled, whatever the policy: the caller does that, and shows how it goes. */
  readonly isPulledByCaller?: boolean;
  /**
   * Names the request among all that there ever are. A launch that comes again with it within five minutes is the same one, also where an engine
   * that has died meanwhile has carried it out: it is answered with that container.
   */
  readonly requestKey?: string | undefined;
  /**
   * Shown to one registry, that of its image or else that of the first image which its volumes or `fetch` name, when something
   * is pulled from there; kept nowhere, and gone when it is launched.
   */
  readonly credential?: RegistryCredential | undefined;
  /** Aborts when nobody wants the container any more: a launch under way is given up, one that is done stays. */
  readonly signal?: AbortSignal;
}

export interface Launched {
  readonly status: ContainerStatus;
  /** Present when the config says `owned`. */
  readonly stream: StreamTicket | undefined;
  /** Microseconds by milestone, engine and monitor together, in order. */
  readonly timings: readonly { readonly name: string; readonly microseconds: number }[];
  /** What whoever launches should know though it runs, in words: that its image is for another platform. */
  readonly warnings: readonly string[];
}

export interface Session {
  /** Names the session in `waitSession` and `signalSession`; of each running container the ends of the last 64 are known. */
  readonly id: string;
  readonly pid: number;
  readonly stream: StreamTicket;
}

/** Host file of a container's log and how to read it. */
export interface LogFile {
  readonly format: 'cri' | 'raw';
  readonly stream: 'both' | 'stdout' | 'stderr';
  /** Current file first, then the rotated ones, newest first. */
  readonly paths: readonly string[];
}

/** What one container uses at one moment. */
export interface ContainerStats {
  readonly uid: ContainerUid;
  /** With the names of what it lives in: `web/db`. */
  readonly name: string;
  readonly state: ContainerState;
  readonly startedAtMs: number | undefined;
  /** When it was read; two readings give rates. */
  readonly atMs: number;
  /** From every isolator that counts something, by its names; empty for a container that does not run. */
  readonly usage: Readonly<Record<string, number>>;
  /** The bounds in force. */
  readonly limits: Resources;
  /** Absent: what it keeps on disk is neither bounded nor counted. */
  readonly disk?: DiskStats;
  /** Of the container's own group; a resource is missing where the kernel does not tell. */
  readonly pressure: Readonly<Partial<Record<PressureResource, ResourcePressure>>>;
  /** Isolators that could not say. */
  readonly unreadable: readonly { readonly isolator: string; readonly message: string }[];
}

/** The processes of a container have waited for a resource as long as was asked. */
export interface PressureEvent {
  readonly uid: ContainerUid;
  readonly resource: PressureResource;
  readonly kind: PressureKind;
  /** How often since the last event; 0 in the first, which tells how things stand. */
  readonly times: number;
  readonly atMs: number;
  /** `undefined` once the container's group is gone. */
  readonly pressure: ResourcePressure | undefined;
}

/** Which containers: those that are named, else those that run, or all. */
export interface StatsQuery {
  readonly ids?: readonly string[] | undefined;
  readonly all?: boolean | undefined;
  /** What costs reading is told of these subjects alone, and pressure of nothing; absent: all is told. */
  readonly only?: readonly UsageSubject[] | undefined;
}

/**
 * The engine: the only thing that faces see, and what a program embeds. Containers are named by uid, name, path
 * (`web/db`: the container `db` that lives in `web`) or unambiguous uid prefix wherever `id` stands.
 *
 * Errors are `EngineError`s; every method may reject with `unavailable` after `close`.
 */
export interface Engine {
  /**
   * Makes and starts a container; resolves when exec has succeeded. On failure nothing is left behind. One with a
   * parent lives in it, and ends with it.
   *
   * @param secrets what the config only names; nothing of it is stored
   */
  launch(config: ContainerConfig, secrets?: SecretValues, how?: LaunchOptions): Promise<Launched>;

  // ── the three calls that are enough for a scheduler, all idempotent ──
  /**
   * Launches unless a container of this name, made from this config, is there already; what updates have made of it since does not count.
   *
   * @throws already-exists when the config differs
   */
  create(
    config: ContainerConfig,
    secrets?: SecretValues,
    how?: Pick<LaunchOptions, 'credential'>,
  ): Promise<ContainerStatus>;
  /** Stops every process, releases all, and forgets the container; an unknown one is fine. */
  destroy(id: string, options?: { readonly graceMs?: number }): Promise<void>;
  /** @returns `undefined` for an unknown container */
  check(id: string): Promise<ContainerStatus | undefined>;

  /** @throws not-found */
  status(id: string): Promise<ContainerStatus>;
  list(): Promise<readonly ContainerStatus[]>;
  /**
   * Resolves once the container has terminated, at the first end when it is started again; never fails because of cleanup.
   * The uid of one that went with its end is still known for a while.
   *
   * @throws not-found
   */
  wait(id: string, signal?: AbortSignal): Promise<Termination>;
  /**
   * Sends a signal to init, with `all` to every process, sessions and what lives in it included. SIGHUP, SIGINT, SIGQUIT, SIGKILL and
   * SIGTERM give up the launch of one that has no process yet; resolves when nothing of it is left.
   *
   * @throws not-found, failed-precondition when it is not running
   */
  kill(id: string, signal: number, how?: { readonly all?: boolean }): Promise<void>;
  /**
   * The stop signal of its config or image, else SIGTERM, then after `graceMs` SIGKILL to all; resolves when terminated. Idempotent.
   * The launch of one that has no process yet is given up.
   *
   * @param graceMs as its config says unless given, else 10 s; 0 is no signal but SIGKILL
   */
  stop(id: string, graceMs?: number): Promise<Termination>;
  /**
   * Stops all processes where they stand; resolves once none runs. Until `unpause` only SIGKILL reaches them, and no
   * exec is taken.
   *
   * @throws failed-precondition when it is not running, deadline-exceeded when a process cannot be stopped (all go on)
   */
  pause(id: string): Promise<void>;
  /** @throws failed-precondition when it is not paused */
  unpause(id: string): Promise<void>;
  /**
   * Changes bounds, devices and the disk limit of a container that runs or is paused, all of them or none; the record and the plan follow. A
   * restart policy may be changed of any that is not removed with its end.
   *
   * @param how.requestKey the last request that has updated it is not carried out again, also by the engine after a killed one
   * @throws invalid-argument what a launch would refuse, failed-precondition when it is not alive or the kernel refuses
   */
  update(
    id: string,
    changes: ResourceChanges,
    others?: OtherChanges,
    how?: Pick<LaunchOptions, 'requestKey'>,
  ): Promise<ContainerStatus>;
  /**
   * Forgets a terminated container, with `volumes` also the volumes that were made for it.
   *
   * @throws failed-precondition while it runs or is about to be started again, unless `force`
   */
  remove(id: string, options?: { readonly force?: boolean; readonly volumes?: boolean }): Promise<void>;
  /** A ticket for a further observer of a running container. */
  attach(id: string): Promise<StreamTicket & { readonly terminal: boolean; readonly stdin: boolean }>;
  /**
   * @param how.requestKey as of a launch
   * @param how.name what the caller calls it, by which `streams.endOf` finds its end
   */
  exec(config: ExecConfig, how?: ExecOptions): Promise<Session>;
  /** A ticket for a further observer of a session. @throws not-found */
  attachSession(id: string): Promise<StreamTicket>;
  waitSession(id: string, signal?: AbortSignal): Promise<Termination>;
  signalSession(id: string, signal: number): Promise<void>;
  logs(id: string): Promise<readonly LogFile[]>;
  usage(id: string): Promise<Readonly<Record<string, number>>>;
  /** Usage, limits and pressure of many containers, cheaply. @throws not-found for an id that was named */
  stats(query?: StatsQuery): Promise<readonly ContainerStats[]>;
  /**
   * Tells each time the container has waited for a resource as long as the trigger says, until it ends or the signal
   * aborts; a reader that lags gets a count. Resolves once it is watched.
   *
   * @throws invalid-argument, failed-precondition where the host tells no pressure
   */
  pressure(id: string, trigger: PressureTrigger, signal: AbortSignal): Promise<AsyncIterable<PressureEvent>>;
  /** The plan that would be launched, without running or leaving anything. */
  explain(config: ContainerConfig): Promise<LaunchPlan>;
  /** The plan that a container was launched with. @throws not-found, also for a container of an earlier boot */
  plan(id: string): Promise<LaunchPlan>;
  /**
   * What happens, in one order, until the signal aborts. Some thousand events are kept; whoever wants, or is so slow as to want,
   * others finds a gap that says how many are missing.
   *
   * @throws invalid-argument for a position that is none
   */
  events(signal: AbortSignal, query?: EventQuery): AsyncIterable<EngineEvent>;
  /** The place of the last event, from which `events` goes on. */
  eventPosition(): EventPosition;

  readonly lives: LifeOperations;
  readonly volumes: VolumeOperations;
  readonly upkeep: UpkeepOperations;
  readonly transfers: TransferOperations;
  readonly written: WrittenOperations;
  readonly imageRecords: ImageRecordOperations;
  readonly sandboxes: SandboxOperations;
  readonly files: FileOperations;
  readonly diagnostics: Diagnostics;
  readonly streams: StreamPlaces;
  readonly registries: RegistryOperations;

  pullImage(
    reference: string,
    options: {
      readonly platform?: string;
      /** Refuses an image that no signature speaks for, even where the trust policy asks for none. */
      readonly requireSignature?: boolean;
      readonly credential?: RegistryCredential;
      readonly dockerHost?: DockerHost;
      readonly onProgress?: (event: unknown) => void;
      readonly signal?: AbortSignal;
    },
  ): Promise<Image>;
  listImages(): Promise<readonly Image[]>;
  /**
   * Takes a name from an image, or the image with its last one.
   *
   * @param options with `force` one that is named by its id loses names of several repositories, and one that a
   *   container uses its last name
   * @throws {EngineError} not-found; failed-precondition
   */
  removeImage(
    text: string,
    options?: { readonly force?: boolean },
  ): Promise<{ readonly untagged: readonly string[]; readonly deleted: readonly string[] }>;

  /** Whether anything needs the engine to stay: live containers, sessions, requests. */
  isIdle(): boolean;
  /** Lets go of the root directory; containers go on. */
  close(): Promise<void>;
}
