import type { BackendChoice } from '../model/backend.ts';
import type { ContainerConfig } from '../model/container-config.ts';
import type { ContainerUid } from '../model/container-id.ts';
import type { Digest } from '../model/digest.ts';
import type { DiskEnforcer } from '../model/disk-quota.ts';
import type { Limitation, Termination } from '../model/exit-status.ts';
import type { RestartPolicy } from '../model/restart-policy.ts';
import type { Volume } from '../model/volume.ts';
import type { HealthState, ProbeResult } from './health-decision.ts';

/**
 * provisioning → preparing → isolating → fetching → prepared → running → destroying → terminated (DESIGN §5), and
 * running ⇄ paused.
 */
export type ContainerState =
  | 'provisioning'
  | 'preparing'
  | 'isolating'
  | 'fetching'
  | 'prepared'
  | 'running'
  | 'paused'
  | 'destroying'
  | 'terminated';

/** The bound of all that a container keeps on disk; without `limitBytes` it is only counted. */
export interface DiskBound {
  readonly limitBytes?: number;
  readonly enforcedBy: DiskEnforcer;
}

/** `usedBytes`: by the last count; absent before the first. */
export interface DiskStats extends DiskBound {
  readonly usedBytes?: number;
}

/** How it stands with the restarts of a container. */
export interface RestartStatus {
  readonly policy: RestartPolicy;
  /** How often it was started again, or is about to be. */
  readonly count: number;
  /** Somebody has stopped it, so it is not started again. */
  readonly isStopped: boolean;
  /** It has ended and waits until then. */
  readonly nextAttemptAtMs: number | undefined;
}

/** Whether it is ready, as it says itself. */
export interface ReadinessStatus {
  readonly isReady: boolean;
  /** Failures in a row that count. */
  readonly failingStreak: number;
  /** The last ones, oldest first. */
  readonly probes: readonly ProbeResult[];
}

/** All that is known of one container. */
export interface ContainerStatus {
  readonly uid: ContainerUid;
  /** As it was asked for, with the labels that it has of its image. */
  readonly config: ContainerConfig;
  /** Keys of the labels that are of its image. */
  readonly inheritedLabels?: readonly string[];
  /** The container that it lives in. */
  readonly parent: ContainerUid | undefined;
  /** Names from the outermost container to this one, joined by slashes; its own name for one that lives in none. */
  readonly path: string;
  /** 1 for a container that lives in none. */
  readonly depth: number;
  /** Those that live in it. */
  readonly children: readonly ContainerUid[];
  readonly state: ContainerState;
  readonly createdAtMs: number;
  readonly startedAtMs: number | undefined;
  /** Init's pid as the host sees it, while there is one. */
  readonly pid: number | undefined;
  readonly imageId: Digest | undefined;
  /** How its image became its root file system; absent without an image. */
  readonly backend: BackendChoice | undefined;
  /** Command line in force, image defaults included. */
  readonly command: readonly string[];
  readonly isolators: readonly string[];
  /** All of its volumes, those of its image and of other containers too. */
  readonly volumes: readonly Volume[];
  /** Absent: what it keeps on disk is neither bounded nor counted. */
  readonly disk: DiskBound | undefined;
  /** Bounds that were hit by now, the last time of each. */
  readonly limitations: readonly Limitation[];
  readonly termination: Termination | undefined;
  readonly restart: RestartStatus;
  /** Absent: nothing is checked. */
  readonly health: HealthState | undefined;
  /** Absent: nothing is asked, and it is ready as soon as it runs. */
  readonly readiness: ReadinessStatus | undefined;
  /** Absolute host paths. */
  readonly sandboxDir: string;
  readonly logDir: string;
}

/** What a caller needs to talk to a process's streams: connect to the socket, present the ticket. */
export interface StreamTicket {
  readonly socketPath: string;
  readonly ticket: string;
}
