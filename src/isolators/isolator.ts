import type { KernelFile } from '../linux/kernel-files.ts';
import type { PlannedConfig } from '../model/container-config.ts';
import type { ContainerUid } from '../model/container-id.ts';
import type { DeviceDifference } from '../model/device-changes.ts';
import type { DiskQuota } from '../model/disk-quota.ts';
import type { Limitation } from '../model/exit-status.ts';
import type { HostFacts } from '../model/host-facts.ts';
import type { ImageRuntimeConfig } from '../model/image-config.ts';
import type {
  Contribution,
  LaunchPlan,
  NamespaceKind,
  ProcessReference,
  RootfsRecipe,
  UserNamespacePlan,
} from '../model/launch-plan.ts';
import type { LauncherKind } from '../model/launcher-kind.ts';
import type { VolumeSource } from '../model/volume.ts';

export type { HostFacts } from '../model/host-facts.ts';

/**
 * Everything a `plan` may look at. Plain data; the same input gives the same contribution, and another uid in its stead
 * the same with that one: a uid may be part of a text, never cut, compared or counted with.
 */
export interface PlanInput {
  readonly uid: ContainerUid;
  readonly config: PlannedConfig;
  /** The isolators of this container, in catalogue order. */
  readonly isolators: readonly string[];
  /** Missing without an image. */
  readonly image?: ImageRuntimeConfig;
  readonly rootfs?: RootfsRecipe;
  /** Host path of the container's scratch directory. */
  readonly sandboxDir: string;
  /** Host directory for small files that an isolator makes in `prepare` (removed with the container). */
  readonly runtimeDir: string;
  readonly host: HostFacts;
  /** Ids of its own, set aside by the engine; there with `namespaces/user` and only then. */
  readonly userNamespace?: UserNamespacePlan;
  /** Every running container whose namespaces the caller wants to share, by the name that the config has for it. */
  readonly joined?: Readonly<Record<string, JoinedContainer>>;
  /** The container that this one lives in. */
  readonly parent?: ParentContainer;
  /** Volumes with lives of their own, by container path. */
  readonly volumeSources?: Readonly<Record<string, VolumeSource>>;
  /** What this isolator's own `prepare` has found out; absent without one. */
  readonly prepared?: PreparedFacts;
}

/** A running container whose namespaces are shared. */
export interface JoinedContainer {
  readonly init: ProcessReference;
  readonly config: PlannedConfig;
  /** Kinds that it does not share with the host. */
  readonly namespaces: readonly NamespaceKind[];
  /** Its directory of small files. */
  readonly runtimeDir: string;
}

/** A running container that another one lives in. */
export interface ParentContainer extends JoinedContainer {
  readonly sandboxDir: string;
  /** For a debug container. */
  readonly debugged?: Debugged;
}

/** The first process of the container that a debug container looks into. */
export interface Debugged {
  /** In the pid namespace that both are in. */
  readonly pid: number;
  /** Who it is now, by numbers of its own: `1000:1000`. */
  readonly user: string;
}

/** Facts of the host that `prepare` hands to the pure `plan`, by a name of the isolator's own. */
export type PreparedFacts = Readonly<Record<string, string>>;

/** What `update` may look at: the config holds the bounds that are to be in force. */
export interface UpdateInput extends Pick<PlanInput, 'uid' | 'config' | 'host' | 'runtimeDir'> {
  /** There when devices come or go; what the plan says of them so far is what they are found by when they have gone from the host. */
  readonly devices?: DeviceUpdate;
  /** There when the disk limit becomes another: what keeps it, with the limit so far. */
  readonly diskQuota?: DiskQuota;
}

export interface DeviceUpdate extends DeviceDifference {
  readonly plan: Pick<LaunchPlan, 'rootfs' | 'deviceRules' | 'deviceNodes'>;
}

/** What one isolator wants of a live container: knobs of its groups, and with {@link UpdateInput.devices} all of its rules or nodes, with {@link UpdateInput.diskQuota} what keeps the new limit. */
export type UpdateContribution = Pick<Contribution, 'cgroup' | 'deviceRules' | 'deviceNodes' | 'diskQuota'>;

/** Where an acquisition is noted with its undo, at once; an `UndoStack` is one. */
export interface UndoLog {
  push(what: string, undo: () => Promise<void>): void;
}

export interface IsolatedGroup {
  readonly path: string;
  readonly version: 1 | 2;
  /** Events that the monitor counts for it, in the order of their values. */
  readonly counters?: readonly string[];
}

/** A running or ended container, as the hooks after `plan` see it. */
export interface IsolatedContainer {
  readonly uid: ContainerUid;
  readonly config: PlannedConfig;
  readonly runtimeDir: string;
  /** What keeps the bound of its files, or counts them; of its plan. */
  readonly diskQuota?: DiskQuota;
  /** Its first process as the host sees it, while there is one. */
  readonly pid?: number;
  /** When that was started, in clock ticks after boot: another process may have its pid later. */
  readonly startTime?: bigint;
  /** Host paths of its groups by controller. */
  readonly groups: Readonly<Record<string, IsolatedGroup>>;
  /** Asks its monitor for the values of the counters that its plan has; absent without a monitor. */
  readonly readCounters?: () => Promise<Uint8Array>;
}

/** How it is found out that a bound of a container may have been hit. */
export type LimitWatch =
  | {
      /** `events`: a file of a group that changes. `outOfMemory`: a v1 memory group, told before the kernel kills. */
      readonly kind: 'events' | 'outOfMemory';
      /** Host path of the file, or of the group. */
      readonly path: string;
    }
  /**
   * Nobody bounds it but who looks: asked again and again, and with a limitation the container is killed. With `everyMs`
   * each time `measure` goes before, it is given as long as it takes, and rests as long at least.
   */
  | { readonly kind: 'polled'; readonly everyMs?: number };

export type UsageValues = Readonly<Record<string, number>>;

/** What usage can be about, as far as it costs the reading of files. */
export type UsageSubject = 'cpu' | 'memory' | 'processes' | 'io' | 'network';

/**
 * What is told of many containers at once, by as few files as there can be: all of them are read in one go, between these
 * two, which are pure. Values that are there are those of `usage`.
 */
export interface BriefUsage {
  /** Whoever wants to know of other things only is spared its files. */
  readonly subject: UsageSubject;
  files(container: IsolatedContainer): readonly KernelFile[];
  /** @param texts of these files, in their order; empty for one that is not there */
  values(container: IsolatedContainer, texts: readonly string[]): UsageValues;
}

/**
 * One aspect of isolation. Isolators are prepared in catalogue order and cleaned up in reverse.
 *
 * `prepare` may touch the host and pushes its undo at once; `plan` is pure and synchronous; all other hooks are
 * idempotent, and of an unknown container they resolve and do nothing.
 */
export interface Isolator {
  /** As in the catalogue and in `--isolation`, for example `cgroups/memory`. */
  readonly name: string;
  /** Isolators that must be chosen with this one. */
  readonly requires: readonly string[];
  /** Isolators that must not be chosen with this one. */
  readonly excludes?: readonly string[];
  /** The launchers whose containers it can isolate; default: `linux` alone. */
  readonly launchers?: readonly LauncherKind[];
  /** Whether an agent of another user than root cannot do it; default: everybody can. */
  readonly needsRoot?: boolean;
  /** Whether it takes part for this container when the caller named no isolators; default: always. */
  appliesTo?(config: PlannedConfig, host: HostFacts): boolean;
  /** @returns facts for `plan`, which gets them as `prepared` */
  prepare?(input: PlanInput, undo: UndoLog): Promise<PreparedFacts>;
  /** @throws {EngineError} for a request that this isolator refuses */
  plan(input: PlanInput): Contribution;
  /**
   * The bounds of a container that runs already, when its config becomes this one: by the same function as in `plan`,
   * so that the two cannot differ. The engine finds out which knobs change, in what order, and writes them all or
   * none. An isolator with knobs, device rules or nodes, or a bound of disks has this hook; one without it changes nothing while a container runs.
   *
   * @throws {EngineError} for a request that this isolator refuses
   */
  update?(input: UpdateInput): UpdateContribution | Promise<UpdateContribution>;
  /**
   * What is to be watched while the container runs; `undefined` when nothing bounds it. Pure. Whenever it has something
   * to say, `limitation` is asked.
   */
  watch?(container: IsolatedContainer): LimitWatch | undefined;
  /** Once its command runs, and before anybody is told so; a rejection ends the container and fails the launch. */
  started?(container: IsolatedContainer): Promise<void>;
  /** What takes too long to be asked for at any time: `usage` and `limitation` answer by the last one. */
  measure?(container: IsolatedContainer): Promise<void>;
  /** Asked by `watch`, and after the last process has ended and before cleanup: was a bound of this isolator hit? */
  limitation?(container: IsolatedContainer): Promise<Limitation | undefined>;
  usage?(container: IsolatedContainer): Promise<UsageValues>;
  /** Instead of `usage` where many are asked. */
  readonly brief?: BriefUsage;
  /** Of a container of an earlier engine, before this one launches any: brings back what only memory held. */
  recover?(container: IsolatedContainer): Promise<void>;
  cleanup?(container: IsolatedContainer): Promise<void>;
}
