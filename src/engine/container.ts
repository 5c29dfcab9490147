import type { IsolatedContainer, Isolator } from '../isolators/isolator.ts';
import type { EncodedLaunch, MonitorLink, ProcessIdentity } from '../launcher/launcher.ts';
import type { ContainerConfig } from '../model/container-config.ts';
import type { ContainerUid } from '../model/container-id.ts';
import type { Digest } from '../model/digest.ts';
import type { DiskQuota } from '../model/disk-quota.ts';
import type { Limitation, Termination } from '../model/exit-status.ts';
import type { HealthCheck } from '../model/health.ts';
import type { Volume } from '../model/volume.ts';
import { diskBoundOf } from './disk-use.ts';
import type { ContainerState, ContainerStatus } from './facade.ts';
import type { HealthState } from './health-decision.ts';
import { type ContainerPaths, logDirectory } from './paths.ts';
import type { UpdateRecord } from './record-format.ts';
import { NEVER_RESTARTED, type RestartState } from './restart-decision.ts';
import { restartStatusOf } from './restart-status.ts';
import { isAlive, isLaunching, transition } from './state.ts';
import { launchFailedTermination } from './termination.ts';

/** SIGTERM, signal(7). */
const DEFAULT_STOP_SIGNAL = 15;

/** One container in memory, from the moment its name is reserved until its record is removed. */
export class Container {
  readonly uid: ContainerUid;
  readonly createdAtMs: number;
  readonly paths: ContainerPaths;
  imageId: Digest | undefined;
  /** Images that its image volumes show. */
  volumeImageIds: readonly Digest[] = [];
  /** All of them, those of its image and of other containers too; named ones have their names. */
  volumes: readonly Volume[];
  /** Volumes that were made for it go with it. */
  takesVolumes: boolean;
  stopSignal = DEFAULT_STOP_SIGNAL;
  isolators: readonly Isolator[] = [];
  /** Names of `isolators`, also of those that this version no longer knows. */
  isolatorNames: readonly string[] = [];
  command: readonly string[] = [];
  /** Of its plan, which is on disk, only what is asked for often. */
  groups: IsolatedContainer['groups'] = {};
  diskQuota: DiskQuota | undefined;
  /** The steps it is launched with, while they may still fail. */
  encoded: (() => EncodedLaunch) | undefined;
  link: MonitorLink | undefined;
  process: ProcessIdentity | undefined;
  startedAtMs: number | undefined;
  /** Settles as the launch does; of a recovered container: at once. */
  launched: Promise<unknown> = Promise.resolve();
  /** Settles when the record of its process is written, or is not going to be. */
  processSaved: Promise<void> = Promise.resolve();
  /** Settles when the live changes (update, pause) that were asked for by now are over. Never rejects. */
  changes: Promise<void> = Promise.resolve();
  /** An update whose knobs could be neither written nor restored; it is settled before the next one. */
  unsettled: UpdateRecord | undefined;
  /** Of its restarts; the record on disk follows. */
  restart: RestartState = NEVER_RESTARTED;
  /** It is launched once more, after an end. */
  isRelaunch = false;
  /** Somebody removes it: it is not started again. */
  isRemoving = false;
  /** What is asked of its health; `undefined`: nothing. */
  healthCheck: HealthCheck | undefined;
  /** While it is checked. */
  health: HealthState | undefined;
  /** It is ended because it was unhealthy, and what is to follow. */
  unhealthyEnd: 'kill' | 'restart' | undefined;
  /** Settles when nothing of its monitor's socket is touched any more. */
  socketGone: Promise<void> = Promise.resolve();
  /** The stop that is under way, for others to join. */
  stopping: Promise<Termination> | undefined;
  readonly #cancel = new AbortController();
  readonly #ended = Promise.withResolvers<Termination>();
  readonly #gone = Promise.withResolvers<void>();
  #config: ContainerConfig;
  #state: ContainerState = 'provisioning';
  #termination: Termination | undefined;
  #limitations: readonly Limitation[] = [];
  #isTakenBack = false;

  constructor(fields: {
    readonly uid: ContainerUid;
    readonly config: ContainerConfig;
    readonly createdAtMs: number;
    readonly paths: ContainerPaths;
  }) {
    this.uid = fields.uid;
    this.#config = fields.config;
    this.createdAtMs = fields.createdAtMs;
    this.paths = fields.paths;
    this.volumes = fields.config.volumes;
    this.takesVolumes = fields.config.autoRemove;
  }

  /** A container of an earlier agent: its steps up to here were taken there. */
  resume(state: 'running' | 'paused' | 'terminated', termination?: Termination): void {
    this.#state = state;
    if (termination === undefined) return;
    this.#termination = termination;
    this.startedAtMs = termination.startedAtMs;
    this.#ended.resolve(termination);
  }

  get config(): ContainerConfig {
    return this.#config;
  }

  /** After an update: the record on disk says so already. */
  reconfigure(config: ContainerConfig): void {
    this.#config = config;
  }

  get state(): ContainerState {
    return this.#state;
  }

  get termination(): Termination | undefined {
    return this.#termination;
  }

  /** Bounds that were hit, each as it was told last. */
  get limitations(): readonly Limitation[] {
    return this.#termination?.limitations ?? this.#limitations;
  }

  /** How often a bound of this isolator was hit. */
  limitationTimes(isolator: string): number {
    return this.#limitations.find((known) => known.isolator === isolator)?.times ?? 0;
  }

  /** @returns false for one that was added already: its statistics are those of when it was hit */
  addLimitation(limitation: Limitation): boolean {
    if (this.limitationTimes(limitation.isolator) >= limitation.times) return false;
    const others = this.#limitations.filter(({ isolator }) => isolator !== limitation.isolator);
    this.#limitations = [...others, limitation];
    return true;
  }

  get isLaunching(): boolean {
    return isLaunching(this.#state);
  }

  /** Resolves with the end; never rejects. */
  get ended(): Promise<Termination> {
    return this.#ended.promise;
  }

  /** Resolves when the name is free again. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** Aborts while a launch is to be given up. */
  get cancelled(): AbortSignal {
    return this.#cancel.signal;
  }

  /** Whether its launch failed and is being taken back. */
  get isTakenBack(): boolean {
    return this.#isTakenBack;
  }

  advance(to: ContainerState): void {
    if (this.#state !== to) this.#state = transition(this.#state, to);
  }

  cancelLaunch(reason: Error): void {
    this.#cancel.abort(reason);
  }

  /** Answers every waiter; the first call holds. */
  terminate(termination: Termination): void {
    if (this.#termination !== undefined) return;
    this.advance('terminated');
    this.#termination = termination;
    this.#ended.resolve(termination);
  }

  /** Answers waiters of a launch that failed; the container is there until everything was taken back. */
  failLaunch(error: unknown, atMs: number): void {
    this.#isTakenBack = true;
    this.advance('destroying');
    this.#termination = launchFailedTermination(error, atMs);
    this.#ended.resolve(this.#termination);
  }

  markGone(): void {
    this.#gone.resolve();
  }

  /** What hooks of isolators see. */
  isolated(): IsolatedContainer {
    const { uid, config, groups, diskQuota, process, link } = this;
    const pid = process === undefined ? {} : { pid: process.pid, startTime: process.startTime };
    const disk = diskQuota === undefined ? {} : { diskQuota };
    const counters = link === undefined ? {} : { readCounters: () => link.readCounters() };
    return { uid, config, runtimeDir: this.paths.runtimeDir, groups, ...disk, ...pid, ...counters };
  }

  status(): ContainerStatus {
    return {
      uid: this.uid,
      config: this.config,
      state: this.#state,
      createdAtMs: this.createdAtMs,
      startedAtMs: this.startedAtMs,
      pid: isAlive(this.#state) ? this.process?.pid : undefined,
      imageId: this.imageId,
      command: this.command,
      isolators: this.isolatorNames,
      volumes: this.volumes,
      disk: diskBoundOf(this.diskQuota),
      limitations: this.limitations,
      termination: this.#termination,
      restart: restartStatusOf(this),
      health: this.health,
      sandboxDir: this.paths.sandboxDir,
      logDir: logDirectory(this.paths, this.config.log.format),
    };
  }
}
