import type { Callers } from '../base/callers.ts';
import type { Effects } from '../base/effects.ts';
import type { MetricRegistry } from '../base/metrics.ts';
import type { Tracer } from '../base/tracing.ts';
import type { Fetcher } from '../fetcher/fetcher.ts';
import type { Images } from '../image/images.ts';
import type { ImageTransfers } from '../image/transfer/image-transfers.ts';
import type { HostFacts, Isolator } from '../isolators/isolator.ts';
import type { Launcher } from '../launcher/launcher.ts';
import type { Browser } from '../linux/browse.ts';
import type { Worker } from '../linux/helper-worker.ts';
import type { FileText, KernelFile } from '../linux/kernel-files.ts';
import type { ImageCollectionPolicy } from '../model/image-upkeep.ts';
import type { NamespacePolicy } from '../model/namespace-policy.ts';
import type { Step } from '../model/wire.ts';
import type { Provisioner } from '../provisioner/provisioner.ts';
import type { Volumes } from '../volume/volumes.ts';
import type { DamagedRecords } from './diagnostics/damaged-records.ts';
import type { EngineMetrics } from './diagnostics/engine-metrics.ts';
import type { OperationTracker } from './diagnostics/operation-tracker.ts';
import type { Events } from './events.ts';
import type { IdRanges } from './id-ranges.ts';
import type { LimitWatches } from './limit-watches.ts';
import type { MappingProbe } from './mapping-probe.ts';
import type { EnginePaths } from './paths.ts';
import type { EngineLog, EngineProblem } from './problem.ts';
import type { Records } from './records.ts';
import type { Registry } from './registry.ts';
import type { RememberedPlans } from './remembered-plans.ts';
import type { Retries } from './retries.ts';

/** What the composition root gives to an engine. */
export interface EngineOptions {
  /** What survives a reboot, `/var/lib/isopod`; an existing directory. */
  readonly rootDir: string;
  /** What does not, `/run/isopod`; an existing directory. */
  readonly stateDir: string;
  readonly effects: Effects;
  readonly images: Images;
  /** Brings images in and out, through the given face of them. */
  readonly openTransfers: (images: Images) => ImageTransfers;
  readonly provisioner: Provisioner;
  readonly fetcher: Fetcher;
  readonly volumes: Volumes;
  /** Every isolator there is, in catalogue order. */
  readonly isolators: readonly Isolator[];
  /** Names of the isolators that containers may choose from. */
  readonly permittedIsolators: readonly string[];
  /** `DEFAULT_NAMESPACE_POLICY` unless given. */
  readonly namespacePolicy?: NamespacePolicy;
  readonly launcher: Launcher;
  readonly hostFacts: HostFacts;
  /** Runs host steps in a worker of the helper; rejects at the first step that fails. */
  readonly runHostSteps: (steps: readonly Step[]) => Promise<void>;
  /** Reads many kernel files at once: the text of each, in order, or why it could not be had. */
  readonly readKernelFiles: (wanted: readonly KernelFile[]) => Promise<readonly FileText[]>;
  /** Looks into directories that containers write into. */
  readonly browser: Browser;
  /** A worker of the helper for one job; the caller closes it. */
  readonly takeWorker: () => Promise<Pick<Worker, 'enterRoot' | 'enterChanges' | 'measure' | 'close'>>;
  /** Images that nobody uses are collected by it; never unless given. */
  readonly imageCollection?: ImageCollectionPolicy;
  /** The root directory's lock, held already; released by `close`. */
  readonly lock: { release(): void | Promise<void> };
  /** Told what went wrong where no caller waits: a damaged record, a cleanup that is tried again. */
  readonly report: (problem: EngineProblem) => void;
  /** Gets the metrics of the engine; it has one of its own unless given. */
  readonly metricRegistry?: MetricRegistry;
  /** Tells for which request something is done; nobody is told apart unless given. */
  readonly callers?: Callers;
  /** Records operations and what they wait for, where somebody wants to know. */
  readonly tracer?: Tracer;
  /** Told what begins and what is over. */
  readonly log?: EngineLog;
}

/** The collaborators of an open engine, as its parts see them. */
export interface EngineHost extends EngineOptions {
  /** /proc/sys/kernel/random/boot_id: pids and everything volatile mean something within one boot only. */
  readonly bootId: string;
  readonly transfers: ImageTransfers;
  readonly paths: EnginePaths;
  readonly records: Records;
  readonly registry: Registry;
  readonly plans: RememberedPlans;
  readonly events: Events;
  readonly retries: Retries;
  readonly limits: LimitWatches;
  readonly namespacePolicy: NamespacePolicy;
  readonly idRanges: IdRanges;
  readonly metricRegistry: MetricRegistry;
  readonly metrics: EngineMetrics;
  readonly damagedRecords: DamagedRecords;
  readonly operations: OperationTracker;
  readonly mappingProbe: MappingProbe;
}

/** How long the engine waits for others, in milliseconds. */
export const DEADLINES = {
  /** From the plan sent until exec. */
  launchMs: 60_000,
  /** All files of a container to be fetched; a server that sends nothing is given up much earlier. */
  fetchMs: 6 * 3_600_000,
  /** One hook of an isolator. */
  hookMs: 10_000,
  /** All processes of a container to be gone after SIGKILL. */
  killMs: 10_000,
  /** The end of a process whose init got SIGKILL, before its whole group is killed. */
  reapMs: 3_000,
  /** What lived in a container to end with it, when that is removed. */
  childrenMs: 20_000,
  /** Every process of a container to stand still, or to go on. */
  freezeMs: 10_000,
  /** A container that somebody wants started to be so: its cleanup and its launch. */
  startMs: 150_000,
  /** A name to become free whose container is being removed. */
  nameMs: 15_000,
  /** Operations under way when the engine closes. */
  drainMs: 10_000,
} as const;

/** Named in steps and errors as the part that wanted them. */
export const BY = 'engine';
