import type { LogConfig, TerminalSize } from './container-config.ts';
import type { ContainerUid } from './container-id.ts';
import type { DeviceNode, DeviceRule } from './devices.ts';
import type { DiskQuota } from './disk-quota.ts';
import type { HookPoint } from './hooks.ts';
import type { IdMapping } from './id-mapping.ts';
import type { LandlockConfig } from './landlock.ts';
import type { Mount, ProcessReference } from './mount.ts';
import type { TimeOffsets } from './namespace-config.ts';
import type { ProcessConfig } from './process-config.ts';
import type { RootfsRecipe } from './rootfs-recipe.ts';
import type { SecretVariable } from './volume.ts';

export type {
  BindMount,
  ImageMount,
  Mount,
  MountAttribute,
  MountContent,
  MountTreatment,
  NewMount,
  ProcessReference,
  SharedMount,
} from './mount.ts';
export type { ImageRecipe, LayerImage, RootfsRecipe } from './rootfs-recipe.ts';

export const NAMESPACE_KINDS = ['mount', 'pid', 'ipc', 'uts', 'net', 'cgroup', 'user', 'time'] as const;
export type NamespaceKind = (typeof NAMESPACE_KINDS)[number];

/** An item of a plan and the isolator that asked for it. */
export type Owned<Item> = Item & { readonly by: string };

/** A user namespace, and how files come to show the container's ids. */
export interface UserNamespacePlan {
  readonly uids: readonly IdMapping[];
  readonly gids: readonly IdMapping[];
  /** `idmapped`: by the mounts, nothing is chowned; `shifted`: the container's own copy has other owners. */
  readonly files: 'idmapped' | 'shifted';
}

/**
 * A namespace of a running container that this one shares. A pid namespace of its own besides lies inside the one that it
 * joins; a user namespace that is joined is the one of `userNamespace`.
 */
export interface NamespaceJoin {
  readonly kind: 'pid' | 'ipc' | 'net' | 'uts' | 'user';
  readonly of: ProcessReference;
}

/** One write to a file of a cgroup. */
export interface CgroupKnob {
  readonly file: string;
  readonly value: string;
  /** Which line of the file it sets, where one has a line for each device, page size or interface: `8:0`. */
  readonly entry?: string;
}

/** v2: controllers that the groups above must enable first, topmost first; what is enabled already stays so. */
export interface ControllerEnabling {
  readonly controllers: readonly string[];
  readonly parents: readonly string[];
}

/** One cgroup of the container and the knobs to write, in order, before anything runs in it. */
export interface CgroupPlan {
  /** `tracking` for the launcher's own; else a v1 controller list such as `cpu` or `memory`, or `v2`. */
  readonly hierarchy: string;
  readonly version: 1 | 2;
  /** Absolute host path of the group that carries limits; made with all missing parents below the instance's. */
  readonly path: string;
  /** v2 names of the chosen controllers that this group serves. */
  readonly controllers: readonly string[];
  readonly enabling?: ControllerEnabling;
  /** v1: groups between it and one that is there, topmost first, made before it. */
  readonly above?: readonly string[];
  readonly knobs: readonly Owned<CgroupKnob>[];
  /** Events that the monitor counts for all that is in the group, by name (linux/perf-events.ts). */
  readonly counters?: Owned<{ readonly events: readonly string[] }>;
}

/** Where the processes of a container are found: in a group, or, by `none`, only by their monitor. */
export type Tracking =
  | {
      readonly path: string;
      readonly version: 1 | 2;
      /** How many groups at the end of the path are to be made; only plans that wait for no launch any more lack it. */
      readonly levels?: number;
    }
  | { readonly path: ''; readonly version: 'none' };

/** A value known only at run time, with its one producer. */
export type Slot = { readonly slot: 'credentials'; readonly producer: 'step resolve-user' };

export interface UserRequest {
  /** Name or number, as given; resolved inside the rootfs. */
  readonly user: string;
  readonly group?: string;
}

export interface CapabilitySets {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable: readonly string[];
  readonly ambient: readonly string[];
}

export interface CommandPlan {
  readonly arguments: readonly string[];
  readonly environment: readonly string[];
  /** Variables whose values are slots; they win over `environment`. Exec sessions do not get them. */
  readonly secrets?: readonly Owned<SecretVariable>[];
  readonly workdir: string;
}

export interface StdioPlan {
  readonly terminal: boolean;
  readonly terminalSize?: TerminalSize;
  readonly stdin: boolean;
  readonly owned: boolean;
  /** With `owned`: it is killed when its owner leaves. */
  readonly endsWithOwner?: true;
  /** Absent: no log is kept (exec sessions). */
  readonly log?: LogConfig & { readonly directory: string };
}

/** What every process of a container gets besides its credentials; each field has one writer. */
export interface ProcessSettings extends ProcessConfig {
  /** Kernel parameters of the container's own namespaces, in order; `path` is below /proc/sys. */
  readonly sysctls?: readonly { readonly path: string; readonly value: string }[];
  readonly landlock?: LandlockConfig;
  /** `attribute` is a file below /proc/self/attr. */
  readonly execLabel?: { readonly attribute: string; readonly label: string };
}

/** The settings of a plan, each with the isolator that wants it. */
export type OwnedSettings = {
  readonly [Field in keyof ProcessSettings]?: Owned<{ readonly value: NonNullable<ProcessSettings[Field]> }>;
};

/** A filter of system calls, compiled: exec sessions get the very same, whatever version of the engine starts them. */
export interface SeccompPlan {
  /** `builtin`, or where the profile was read. */
  readonly profile: string;
  /** Whose calls it tells apart, the machine's own first; a process of any other is killed. */
  readonly architectures: readonly string[];
  /** Bits of SECCOMP_SET_MODE_FILTER (seccomp(2)). */
  readonly flags: number;
  readonly instructions: number;
  /** An array of struct sock_filter, in base64. */
  readonly program: string;
  /** `sha256:…` of the program. */
  readonly digest: string;
}

/** A program that is run beside a launch. */
export interface HookPlan {
  readonly path: string;
  readonly arguments: readonly string[];
  readonly environment: readonly string[];
  readonly timeoutMs: number;
  /** The container's state as JSON, before and after its pid, which is known only then. */
  readonly state: { readonly before: string; readonly after: string };
}

/** The points of a launch at which programs are run. */
export type LaunchHookPoint = Exclude<HookPoint, 'poststart' | 'poststop'>;
export type HooksPlan = { readonly [Point in LaunchHookPoint]?: readonly HookPlan[] };

/**
 * What one isolator wants of a launch; every field is optional and merged by the law of its name in plan/laws.ts:
 * lists are joined in catalogue order, single values have one writer, keyed values must agree.
 */
export interface Contribution extends ProcessSettings {
  readonly namespaces?: readonly NamespaceKind[];
  /** With the namespace kind `user`. */
  readonly userNamespace?: UserNamespacePlan;
  readonly joins?: readonly NamespaceJoin[];
  /** With the namespace kind `time`. */
  readonly timeOffsets?: TimeOffsets;
  readonly rootfs?: RootfsRecipe;
  readonly readOnlyRootfs?: boolean;
  readonly mounts?: readonly Mount[];
  readonly maskedPaths?: readonly string[];
  readonly readOnlyPaths?: readonly string[];
  readonly hostname?: string;
  readonly loopback?: boolean;
  /** Knobs of the container's group for this controller (v2 names); the launcher knows where the group is. */
  readonly cgroup?: {
    readonly controller: string;
    readonly knobs: readonly CgroupKnob[];
    readonly counters?: readonly string[];
  };
  /** All that the container may do with devices, in a v2 group or in the v1 group of its contribution. */
  readonly deviceRules?: readonly DeviceRule[];
  /** Made in the container's own /dev. */
  readonly deviceNodes?: readonly DeviceNode[];
  /** Show the container its own cgroups at /sys/fs/cgroup, read-only. */
  readonly cgroupView?: boolean;
  /** With `cgroupView`: not read-only. */
  readonly cgroupViewWritable?: boolean;
  readonly user?: UserRequest;
  readonly capabilities?: CapabilitySets;
  readonly noNewPrivileges?: boolean;
  readonly seccomp?: SeccompPlan;
  readonly diskQuota?: DiskQuota;
  /** `NAME=value`; for one name the later isolator loses to the caller, and two isolators must agree. */
  readonly environment?: readonly string[];
  /** Variables whose values are slots. */
  readonly secretVariables?: readonly SecretVariable[];
  readonly command?: readonly string[];
  readonly workdir?: string;
  readonly umask?: number;
  readonly hooks?: HooksPlan;
}

/** A contribution and who made it. */
export interface NamedContribution {
  readonly isolator: string;
  readonly contribution: Contribution;
}

/** The merged, frozen, serialisable description of one launch. `isopod explain` prints it. */
export interface LaunchPlan {
  readonly schemaVersion: 1;
  readonly uid: ContainerUid;
  readonly isolators: readonly string[];
  readonly namespaces: readonly Owned<{ readonly kind: NamespaceKind }>[];
  readonly userNamespace?: Owned<UserNamespacePlan>;
  /** Absent: none. */
  readonly joins?: readonly Owned<NamespaceJoin>[];
  readonly timeOffsets?: Owned<TimeOffsets>;
  readonly rootfs?: Owned<{ readonly recipe: RootfsRecipe; readonly mountPoint: string }>;
  readonly readOnlyRootfs?: Owned<{ readonly value: true }>;
  readonly mounts: readonly Owned<{ readonly mount: Mount }>[];
  readonly maskedPaths: readonly Owned<{ readonly path: string }>[];
  readonly readOnlyPaths: readonly Owned<{ readonly path: string }>[];
  readonly hostname?: Owned<{ readonly name: string }>;
  readonly loopback?: Owned<{ readonly value: true }>;
  readonly cgroups: readonly CgroupPlan[];
  /** Groups joined, in order: the container's own, and the shared one in every other hierarchy. */
  readonly cgroupJoins: readonly Owned<{ readonly path: string; readonly version: 1 | 2 }>[];
  /** The group that the child is born in (v2) or joins first (v1 freezer). */
  readonly tracking: Tracking;
  readonly deviceRules?: Owned<{ readonly value: readonly DeviceRule[] }>;
  readonly deviceNodes?: Owned<{ readonly value: readonly DeviceNode[] }>;
  readonly cgroupView?: Owned<{ readonly value: true }>;
  readonly cgroupViewWritable?: Owned<{ readonly value: true }>;
  readonly credentials: Owned<Slot & { readonly user: UserRequest }>;
  /** Without an isolator for them: all that the engine has. */
  readonly capabilities: Owned<CapabilitySets>;
  readonly noNewPrivileges?: Owned<{ readonly value: true }>;
  /** Missing where nothing was set. */
  readonly settings?: OwnedSettings;
  /** The agent is not root: the processes are its own user's, with what rights they have. */
  readonly unprivileged?: true;
  readonly seccomp?: Owned<SeccompPlan>;
  /** In force before the launch. */
  readonly diskQuota?: Owned<DiskQuota>;
  readonly umask: number;
  readonly hooks?: Owned<{ readonly value: HooksPlan }>;
  readonly command: Owned<CommandPlan>;
  readonly stdio: StdioPlan;
  /** A reaper of ours stays as the first process. */
  readonly reaper: boolean;
}

/** Where the child's groups are; made by the launcher from what the host mounts. */
export interface CgroupPlacement {
  readonly tracking: Tracking;
  /** Groups of the container by controller (v2 names: cpu, memory, pids, …), for the chosen ones. */
  readonly groups: readonly {
    readonly hierarchy: string;
    readonly version: 1 | 2;
    readonly path: string;
    readonly controllers: readonly string[];
    readonly enabling?: ControllerEnabling;
    readonly above?: readonly string[];
  }[];
  /** Every group to join, own and shared, besides tracking. */
  readonly joins: readonly { readonly path: string; readonly version: 1 | 2 }[];
}
