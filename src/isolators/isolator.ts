import type { ContainerConfig } from '../model/container-config.ts';
import type { ContainerUid } from '../model/container-id.ts';
import type { Limitation } from '../model/exit-status.ts';
import type { ImageRuntimeConfig } from '../model/image-config.ts';
import type { Contribution, RootfsRecipe } from '../model/launch-plan.ts';

/** Everything a `plan` may look at. Plain data; the same input gives the same contribution. */
export interface PlanInput {
  readonly uid: ContainerUid;
  readonly config: ContainerConfig;
  /** The isolators of this container, in catalogue order. */
  readonly isolators: readonly string[];
  /** Missing without an image. */
  readonly image?: ImageRuntimeConfig;
  readonly rootfs?: RootfsRecipe;
  /** Host path of the container's scratch directory. */
  readonly sandboxDir: string;
  /** Host directory for small files that an isolator makes in `prepare` (volatile, removed with the container). */
  readonly runtimeDir: string;
  readonly host: HostFacts;
}

/** What was found out about the host when the engine started. */
export interface HostFacts {
  readonly hostname: string;
  /** CPUs that are online. */
  readonly cpuCount: number;
  /** v2 controller names that the host can limit, and in which version. */
  readonly controllers: Readonly<Record<string, 1 | 2>>;
  /** Knobs that exist beyond the common ones, for example `memory.memsw.limit_in_bytes`. */
  readonly cgroupFeatures: readonly string[];
  /** Highest capability number that the kernel knows. */
  readonly lastCapability: number;
  /** Names of the capabilities that the engine itself may hand out. */
  readonly availableCapabilities: readonly string[];
}

/** A running or ended container, as the hooks after `plan` see it. */
export interface IsolatedContainer {
  readonly uid: ContainerUid;
  readonly config: ContainerConfig;
  readonly runtimeDir: string;
  /** Host paths of its groups by controller. */
  readonly groups: Readonly<Record<string, { readonly path: string; readonly version: 1 | 2 }>>;
}

export type UsageValues = Readonly<Record<string, number>>;

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
  /** Whether it takes part for this container when the caller named no isolators; default: always. */
  appliesTo?(config: ContainerConfig): boolean;
  prepare?(input: PlanInput, undo: { push(what: string, undo: () => Promise<void>): void }): Promise<void>;
  /** @throws {EngineError} for a request that this isolator refuses */
  plan(input: PlanInput): Contribution;
  /** Asked once, after the last process has ended and before cleanup: was a bound of this isolator hit? */
  limitation?(container: IsolatedContainer): Promise<Limitation | undefined>;
  usage?(container: IsolatedContainer): Promise<UsageValues>;
  cleanup?(container: IsolatedContainer): Promise<void>;
}
