import type { IsolatedContainer, Isolator } from '../isolators/isolator.ts';
import type { EncodedLaunch, MonitorLink, ProcessIdentity } from '../launcher/launcher.ts';
import type { BackendChoice } from '../model/backend.ts';
import type { ContainerConfig } from '../model/container-config.ts';
import type { ContainerUid } from '../model/container-id.ts';
import type { Digest } from '../model/digest.ts';
import type { DiskQuota } from '../model/disk-quota.ts';
import type { Limitation, Termination } from '../model/exit-status.ts';
import { type HealthCheck, readinessCheckOf } from '../model/health.ts';
import type { RepeatedCheck } from '../model/health-check.ts';
import type { RegistryCredential } from '../model/registry-credential.ts';
import type { Volume } from '../model/volume.ts';
import { diskBoundOf } from './disk-use.ts';
import type { ContainerState, ContainerStatus } from './facade.ts';
import type { ForeignPlatform } from './foreign-platform.ts';
import type { HealthState } from './health-decision.ts';
import { type Labels, withInherited } from './image-labels.ts';
import { type ContainerPaths, logDirectory } from './paths.ts';
import type { ImagePull } from './pull-deadline.ts';
import { readinessStatusOf } from './readiness-status.ts';
import type { UpdateRecord } from './record-format.ts';
import type { RequestMark } from './request-mark.ts';
import { NEVER_RESTARTED, type RestartState } from './restart-decision.ts';
import { restartStatusOf } from './restart-status.ts';
import { isAlive, isLaunching, transition } from './state.ts';
import { DEFAULT_STOP_SIGNAL } from './stop-signal.ts';
import { launchFailedTermination } from './termination.ts';

/** One container in memory, from the moment its name is reserved until its record is removed. */
export class Container {
  readonly uid: ContainerUid;
  readonly createdAtMs: number;
  readonly paths: ContainerPaths;
  /** The one that it lives in. */
  readonly parent: Container | undefined;
  /** Those that live in it, by name; kept by the registry. */
  readonly children = new Map<string, Container>();
  imageId: Digest | undefined;
  /** Of the image that it is launched with, when this machine does not run it by itself. */
  foreignPlatform: ForeignPlatform | undefined;
  /** Those of its image that it has beside its own. */
  imageLabels: Labels = {};
  /** How its image became its root file system. */
  backend: BackendChoice | undefined;
  /** Images that its image volumes show. */
  volumeImageIds: readonly Digest[] = [];
  /** All of them, those of its image and of other containers too; named ones have their names. */
  volumes: readonly Volume[];
  /** Volumes that were made for it go with it. */
  takesVolumes: boolean;
  /** When its images are looked for: as its config says, unless whoever launches it pulls them himself. */
  pull: ImagePull;
  /** Shown to the registry of its images while it is launched; in no record. */
  credential: RegistryCredential | undefined;
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
  /** Settles when the ends of its sessions that are known by now are on disk. Never rejects. */
  sessionsSaved: Promise<void> = Promise.resolve();
  /** Settles when the live changes (update, pause) that were asked for by now are over. Never rejects. */
  changes: Promise<void> = Promise.resolve();
  /** Sessions that are on their way into its groups; none rejects. */
  readonly joining = new Set<Promise<void>>();
  /** Settles when its groups are no longer becoming others; there while they do. */
  regrouping: Promise<void> | undefined;
  /** An update whose knobs could be neither written nor restored; it is settled before the next one. */
  unsettled: UpdateRecord | undefined;
  /** Of its restarts; the record on disk follows. */
  restart: RestartState = NEVER_RESTARTED;
  /** The last requests with keys by which its lives were begun, and updates made; on disk, too. */
  begunFor: readonly RequestMark[] = [];
  updatedFor: readonly RequestMark[] = [];
  /** It is launched once more, after an end. */
  isRelaunch = false;
  /** Somebody removes it: it is not started again. */
  isRemoving = false;
  /** Somebody copies into it, though it has ended: an upper directory is good for one overlay at a time. */
  isCopiedInto = false;
  /** What is asked of its health; `undefined`: nothing. */
  healthCheck: HealthCheck | undefined;
  /** While it is checked. */
  health: HealthState | undefined;
  /** How it is asked whether it is ready; `undefined`: it is as soon as it runs. */
  readinessCheck: RepeatedCheck | undefined;
  /** While that is asked. */
  readiness: HealthState | undefined;
  /** It is ended because it was unhealthy, and what is to follow. */
  unhealthyEnd: 'kill' | 'restart' | undefined;
  /** Settles when nothing of its monitor's socket is touched any more. */
  socketGone: Promise<void> = Promise.resolve();
  /** Its init has ended, or its monitor, which ends all that is left of it. */
  isEnding = false;
  /** It is about to be paused: nothing is launched in it any more. */
  isPausing = false;
  /** The stop that is under way, for others to join. */
  stopping: Promise<Termination> | undefined;
  /** As it was asked for, whatever updates have made of it since. */
  readonly created: ContainerConfig;
  /** Its destruction failed, and goes on being tried. */
  isBeingDestroyed = false;
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
    readonly created?: ContainerConfig;
    readonly createdAtMs: number;
    readonly paths: ContainerPaths;
    readonly parent?: Container | undefined;
  }) {
    this.uid = fields.uid;
    this.parent = fields.parent;
    this.#config = fields.config;
    this.created = fields.created ?? fields.config;
    this.createdAtMs = fields.createdAtMs;
    this.paths = fields.paths;
    this.readinessCheck = readinessCheckOf(fields.config.readiness);
    this.pull = fields.config.pull;
    this.volumes = fields.config.volumes;
    this.takesVolumes = fields.config.autoRemove;
  }

  /** A container of an earlier agent: its steps up to here were taken there. */
  resume(state: 'running' | 'paused' | 'terminated', termination?: Termination): void {
    this.#state = state;
    if (termination === undefined) return;
    this.isEnding = true;
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

  /** One that runs stands still with what it lives in. */
  get state(): ContainerState {
    return this.#state === 'running' && this.parent?.state === 'paused' ? 'paused' : this.#state;
  }

  /** Whether it was paused itself. */
  get isPausedItself(): boolean {
    return this.#state === 'paused';
  }

  /** The names from the outermost container to this one: `web/db`. */
  get path(): string {
    return this.parent === undefined ? this.config.name : `${this.parent.path}/${this.config.name}`;
  }

  /** 1 for a container that lives in none. */
  get depth(): number {
    return this.parent === undefined ? 1 : this.parent.depth + 1;
  }

  /** All that live in it, the innermost first. */
  descendants(): readonly Container[] {
    return [...this.children.values()].flatMap((child) => [...child.descendants(), child]);
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
      config: withInherited(this.config, this.imageLabels),
      inheritedLabels: Object.keys(this.imageLabels),
      parent: this.parent?.uid,
      path: this.path,
      depth: this.depth,
      children: [...this.children.values()].map(({ uid }) => uid),
      state: this.state,
      createdAtMs: this.createdAtMs,
      startedAtMs: this.startedAtMs,
      pid: isAlive(this.#state) ? this.process?.pid : undefined,
      imageId: this.imageId,
      backend: this.backend,
      command: this.command,
      isolators: this.isolatorNames,
      volumes: this.volumes,
      disk: diskBoundOf(this.diskQuota),
      limitations: this.limitations,
      termination: this.#termination,
      restart: restartStatusOf(this),
      health: this.health,
      readiness: readinessStatusOf(this.readiness),
      sandboxDir: this.paths.sandboxDir,
      logDir: logDirectory(this.paths, this.config.log.format),
    };
  }
}
