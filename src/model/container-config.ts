import type { BackendName } from './backend.ts';
import type { ContainerUid } from './container-id.ts';
import type { DeviceMapping } from './devices.ts';
import type { DiskEnforcement } from './disk-quota.ts';
import type { FetchItem } from './fetch.ts';
import type { HealthRequest, ReadinessRequest } from './health.ts';
import type { HooksConfig } from './hooks.ts';
import type { LandlockConfig } from './landlock.ts';
import type { NamespaceConfig } from './namespace-config.ts';
import type { ProcessConfig } from './process-config.ts';
import type { Resources } from './resources.ts';
import type { RestartPolicy } from './restart-policy.ts';
import type { SecurityConfig } from './security-config.ts';
import type { SecretVariable, Volume, VolumesFrom } from './volume.ts';

/** Who the command runs as, before the rootfs was asked: `name[:group]` or `uid[:gid]`, as Docker writes it. */
export type UserText = string;

/** `container`: that of `namespaces.networkOf`. */
export type NetworkMode = 'none' | 'host' | 'container';

export type LogFormat = 'cri' | 'raw';

export interface LogConfig {
  /** `cri`: one file of CRI text lines; `raw`: files `stdout` and `stderr` in the sandbox directory. */
  readonly format: LogFormat;
  /** A file is rotated when it would grow beyond this; default 16 MiB. */
  readonly maxBytes: number;
  /** Files kept, the current one included; default 2. */
  readonly maxFiles: number;
}

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** What the root file system is made from. */
export type RootfsSource =
  | { readonly kind: 'image'; readonly reference: string }
  /** A directory of the host, used as it is. */
  | { readonly kind: 'directory'; readonly path: string }
  /** The host's own file system. */
  | { readonly kind: 'none' };

/** When `run` looks for a newer image: as `docker run --pull`. */
export type PullPolicy = 'missing' | 'always' | 'never';

/**
 * One container as a caller asks for it: every default is filled in by `completeConfig`, nothing of the host is
 * known yet. It is stored as it is, with a name.
 */
export interface ContainerConfig {
  /** Empty in a request: the engine makes one up. */
  readonly name: string;
  /** The container that it lives in: uid, name or path in a request, its uid from the reservation on. */
  readonly parent?: string;
  /** With a parent: no limits and no accounts of its own, those of the parent hold for both. */
  readonly shareCgroups?: true;
  /**
   * With a parent: it is there to look into it, by tools of its own. It shares all but the root file system, and may do
   * what its parent may, unless `security` adds to that.
   */
  readonly debug?: true;
  readonly rootfs: RootfsSource;
  /** Of an image; missing: the agent's, or what works best here. */
  readonly backend?: BackendName;
  readonly pull: PullPolicy;
  /** Replaces the image's entrypoint; an empty list clears it. */
  readonly entrypoint?: readonly string[];
  /** Replaces the image's cmd; the arguments when there is an entrypoint. */
  readonly command?: readonly string[];
  /** `NAME=value`, in order; these win over the image's. A `NAME` alone takes the image's away. */
  readonly env: readonly string[];
  readonly workdir?: string;
  readonly user?: UserText;
  readonly hostname?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly network?: NetworkMode;
  /** Missing: own ones of every kind but user and time. */
  readonly namespaces?: NamespaceConfig;
  readonly devices: readonly DeviceMapping[];
  /** What it may do with further devices, as `parseDeviceRule` reads it. */
  readonly deviceRules: readonly string[];
  readonly volumes: readonly Volume[];
  readonly volumesFrom?: readonly VolumesFrom[];
  readonly secretVariables?: readonly SecretVariable[];
  /** Files that it is given before its command runs. */
  readonly fetch?: readonly FetchItem[];
  /** Of all that the container keeps on disk: its layer, its logs, its sandbox directory, its own volumes. */
  readonly diskLimitBytes?: number;
  /** Missing: what keeps the limit best here. */
  readonly diskEnforcement?: DiskEnforcement;
  readonly resources: Resources;
  readonly process: ProcessConfig;
  /** Kernel parameters of the container's own namespaces: `net.ipv4.ip_forward` and its value. */
  readonly sysctls: Readonly<Record<string, string>>;
  readonly landlock?: LandlockConfig;
  readonly readOnlyRootfs: boolean;
  /** A reaper of ours as PID 1, the command as its child. */
  readonly init: boolean;
  readonly terminal: boolean;
  readonly terminalSize?: TerminalSize;
  /** Keep stdin open for attachers; otherwise the command reads end of file. */
  readonly stdin: boolean;
  /** A foreground caller will own stdio: output waits for it, and it exerts backpressure. */
  readonly owned: boolean;
  /** With `owned`: it is killed when its owner leaves, or does not come. */
  readonly endsWithOwner?: true;
  readonly log: LogConfig;
  /** It goes with the engine that started it: whoever listens does so through that one alone. */
  readonly endsWithEngine?: true;
  /** The record goes with the end of the container (`--rm`). */
  readonly autoRemove: boolean;
  /** What `stop` sends first; missing: as its image says, else SIGTERM. */
  readonly stopSignal?: number;
  /** How long a stop waits before it kills, where whoever stops it does not say; missing: 10 s. */
  readonly stopGraceMs?: number;
  /** Missing: it is not started again. */
  readonly restart?: RestartPolicy;
  /** What the caller says of its health check; the rest is its image's. */
  readonly health?: HealthRequest;
  /** How it is asked whether it is ready; missing: it is as soon as it runs. */
  readonly readiness?: ReadinessRequest;
  /** Isolators for this container, a subset of the agent's permitted set; missing means all that apply. */
  readonly isolation?: readonly string[];
  readonly security: SecurityConfig;
  /** Programs at the hook points of the OCI. */
  readonly hooks?: HooksConfig;
}

/** A config as isolators see it: nothing of a plan depends on the name, for like containers have like plans. */
export type PlannedConfig = Omit<ContainerConfig, 'name'>;

/** A further process in a running container. */
export interface ExecConfig {
  readonly container: ContainerUid;
  readonly command: readonly string[];
  readonly env: readonly string[];
  readonly workdir?: string;
  readonly user?: UserText;
  readonly terminal: boolean;
  readonly terminalSize?: TerminalSize;
  readonly stdin: boolean;
  readonly owned: boolean;
  /** It goes with the engine that started it: whoever listens does so through that one alone. */
  readonly endsWithEngine?: true;
}
