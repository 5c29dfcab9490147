import { join } from 'node:path';
import type { Callers } from '../base/callers.ts';
import type { Effects } from '../base/effects.ts';
import { MetricRegistry } from '../base/metrics.ts';
import type { Tracer } from '../base/tracing.ts';
import { UndoStack } from '../base/undo-stack.ts';
import { openEngine } from '../engine/engine.ts';
import type { Engine } from '../engine/facade.ts';
import type { EngineLog, EngineProblem } from '../engine/problem.ts';
import { createFetcher } from '../fetcher/fetcher.ts';
import { imageTransfers } from '../image/transfer/image-transfers.ts';
import { isolatorCatalog } from '../isolators/catalog.ts';
import { ContainerScopes } from '../launcher/container-scopes.ts';
import { instanceTree, scopeTree } from '../launcher/group-tree.ts';
import { engineGroups, findInstance, hierarchiesOf, makeInstanceGroups } from '../launcher/instance-groups.ts';
import { KernelFileReader } from '../launcher/kernel-file-reader.ts';
import type { Launcher } from '../launcher/launcher.ts';
import { LinuxLauncher } from '../launcher/linux-launcher.ts';
import { PosixLauncher } from '../launcher/posix-launcher.ts';
import { StepRunner } from '../launcher/step-runner.ts';
import { WorkerPool } from '../launcher/worker-pool.ts';
import type { CgroupHierarchy } from '../linux/cgroup-hierarchy.ts';
import { readHostFacts } from '../linux/host-facts.ts';
import type { BackendName } from '../model/backend.ts';
import type { CgroupDriver } from '../model/cgroup-driver.ts';
import { present } from '../model/container-request.ts';
import type { DiskMeasurement } from '../model/disk-quota.ts';
import type { ImageCollectionPolicy } from '../model/image-upkeep.ts';
import type { LauncherKind } from '../model/launcher-kind.ts';
import type { NamespacePolicy } from '../model/namespace-policy.ts';
import type { NetClassRange } from '../model/net-class.ts';
import type { RightsPolicy } from '../model/rights-policy.ts';
import type { SeccompChoice } from '../model/security-config.ts';
import type { Step } from '../model/wire.ts';
import { localDriver } from '../volume/local-driver.ts';
import { createVolumes } from '../volume/volume-store.ts';
import { checkCgroupDriver, rememberCgroupDriver } from './cgroup-driver.ts';
import { composeProvisioner } from './compose-provisioner.ts';
import { ensureForkServer, retireForkServer, startInGroups } from './fork-server.ts';
import type { Layout } from './layout.ts';
import { type ImageChoices, openImages, openTrust } from './open-images.ts';
import { permittedIsolators as permitted } from './permitted-isolators.ts';
import { holdLock } from './root-lock.ts';

export interface ComposeOptions extends ImageChoices {
  /** Existing directories. */
  readonly root: string;
  readonly state: string;
  readonly effects: Effects;
  readonly layout: Layout;
  readonly launcher: LauncherKind;
  readonly cgroupDriver: CgroupDriver;
  /** Names of the isolators that containers may choose from; `undefined` for all. */
  readonly isolation: readonly string[] | undefined;
  /** For containers that ask for no profile; `undefined` for ours. */
  readonly seccomp: SeccompChoice | undefined;
  /** Capabilities and no_new_privs of every container. */
  readonly rights: RightsPolicy;
  /** Hooks for every container that they match; `undefined` for none. */
  readonly hooksDirectory: string | undefined;
  readonly namespacePolicy: NamespacePolicy;
  /** Network classes that containers may be given. */
  readonly netClasses?: NetClassRange | undefined;
  /** Events that `cgroups/perf_event` counts; the kernel's own unless told. */
  readonly perfEvents?: readonly string[] | undefined;
  /** How images become root file systems, of containers that do not say; what works best here unless told. */
  readonly backend?: BackendName | undefined;
  /** How often it is counted what containers keep on disk. */
  readonly diskWatchIntervalMs?: number | undefined;
  /** Images that nobody uses are collected by it; never unless given. */
  readonly imageCollection?: ImageCollectionPolicy | undefined;
  /** Called once the root directory is ours, before what an earlier engine left is looked after. @param helper gives workers; the caller closes them */
  readonly locked: (helper: Pick<WorkerPool, 'takeWorker' | 'freshWorker'>) => Promise<void>;
  /** Told when the lock went and could not be taken again: the engine must not go on. */
  readonly lockLost: (error: unknown) => void;
  /** Gets all metrics; those of nobody else unless given. */
  readonly metricRegistry?: MetricRegistry;
  /** Tells for which request something is done. */
  readonly callers?: Callers;
  /** Records what the engine does. */
  readonly tracer?: Tracer | undefined;
  /** Told what begins and what is over. */
  readonly log?: EngineLog;
  /** Told what went wrong where no caller waits. */
  readonly report: (problem: EngineProblem) => void;
}

/** Workers kept ready: as many launches as begin while none is replaced need not wait for a fork. */
const IDLE_WORKERS = 4;
/** Ends of containers that are cleaned up at once; a tree that takes long to remove holds up few others. */
const STEP_WORKERS = 4;
/** Trees that are walked at once; a large one holds up few others, and both together are half of a small host. */
const MEASURE_WORKERS = 2;
const CONNECT_DEADLINE_MS = 20_000;

/**
 * Puts an engine together from the parts of this host and opens it.
 *
 * @throws {EngineError} `main.inUse`, `main.noHelper`, `main.unknownIsolators`, and what opening throws
 */
export async function composeEngine(options: ComposeOptions): Promise<Engine> {
  const undo = new UndoStack();
  try {
    return await compose(options, undo);
  } catch (error) {
    for (const failure of await undo.unwind())
      options.report({ what: `undo of ${failure.what}`, error: failure.error });
    throw error;
  }
}

async function compose(options: ComposeOptions, undo: UndoStack): Promise<Engine> {
  const { effects, layout, root, state, metricRegistry = new MetricRegistry() } = options;
  const runHostSteps = (steps: readonly Step[]) => host.steps.run(steps);
  const measureDisk = (measurement: DiskMeasurement) => host.measures.measure(measurement);
  const isolators = isolatorCatalog({ files: effects.files, runHostSteps, measureDisk }, options);
  const permittedIsolators = permitted(isolators, options.isolation);
  const trust = await openTrust(effects, options);
  await checkCgroupDriver(effects.files, options.cgroupDriver, options.launcher);
  const host: Host = await openHost({ ...options, metricRegistry }, undo);
  const { workers, launcher, hierarchies } = host;
  await options.locked(workers);
  const connectWorker = () => workers.takeWorker();
  const { images, store, way } = openImages(effects, options, { root, hello: layout.hello, trust, connectWorker });
  const kernelFiles = new KernelFileReader({ files: effects.files, steps: host.steps });
  const engine: Engine = await openEngine({
    rootDir: root,
    stateDir: state,
    effects,
    images,
    openTransfers: (told) => imageTransfers({ ...store, images: told }),
    provisioner: composeProvisioner(options, { images, runHostSteps, workers }),
    fetcher: createFetcher(effects, { directory: join(root, 'fetcher'), way }),
    volumes: createVolumes({
      effects,
      directory: join(root, 'volumes'),
      runHostSteps: (steps) => host.steps.run(steps),
      drivers: [localDriver(effects.files)],
      report: (what, error) => options.report({ what, error }),
    }),
    isolators,
    permittedIsolators,
    namespacePolicy: options.namespacePolicy,
    launcher,
    hostFacts: await readHostFacts(effects.files, { hierarchies, launcher: options.launcher }),
    runHostSteps: (steps) => host.steps.run(steps),
    readKernelFiles: (wanted) => kernelFiles.read(wanted),
    takeWorker: () => workers.takeWorker(),
    browser: {
      listFiles: (...place) => host.steps.use('a list of files', (worker) => worker.listFiles(...place)),
      readFile: (...place) => host.steps.use('a file that is read', (worker) => worker.readFile(...place)),
    },
    lock: {
      // Nothing is left to look after: the fork server goes too, and with it the groups of this instance. Where it was
      // killed, another one does that.
      release: async () => {
        host.release();
        if (!engine.isIdle() || (await retireForkServer(effects, host.helperSocket))) return;
        await host.startForkServer();
        await retireForkServer(effects, host.helperSocket);
      },
    },
    report: options.report,
    ...present({ imageCollection: options.imageCollection, metricRegistry, callers: options.callers }),
    ...present({ tracer: options.tracer, log: options.log }),
  });
  // The first launch then finds a worker; one that finds none waits for a fork.
  workers.warm().catch((error: unknown) => options.report({ what: 'workers could not be connected ahead', error }));
  return engine;
}

/** What ties an engine to this host: its cgroups, its fork server, its locks, its launcher. */
interface Host {
  readonly hierarchies: readonly CgroupHierarchy[];
  readonly workers: WorkerPool;
  readonly launcher: Launcher;
  readonly steps: StepRunner;
  /** Apart from the others: it waits long, and its workers give way to everybody. */
  readonly measures: StepRunner;
  readonly helperSocket: string;
  startForkServer(): Promise<void>;
  release(): void;
}

async function openHost(
  options: ComposeOptions & { readonly metricRegistry: MetricRegistry },
  undo: UndoStack,
): Promise<Host> {
  const { effects, layout, root, state } = options;
  const hierarchies = await hierarchiesOf(effects, options.launcher);
  const instance = await findInstance(effects, root);
  const socketPath = join(state, 'helper.sock');
  const place = {
    binary: layout.helper,
    socketPath,
    logPath: join(state, 'helper.log'),
    cgroups: engineGroups(hierarchies, instance),
    instanceLock: join(root, 'root.lock'),
    report: options.report,
  };
  // Nobody can join a new group of v1 cpuset that has no CPUs yet, so the groups are there before the fork server.
  const startForkServer = (): Promise<void> =>
    startInGroups(effects.files, place.cgroups, async () => {
      await makeInstanceGroups(effects, hierarchies, instance);
      await ensureForkServer(effects, place);
    });
  await startForkServer();
  const lock = await lockBoth(options, { helperSocket: socketPath, ensureForkServer: startForkServer });
  undo.push('locks', lock.release);
  await rememberCgroupDriver(effects, { state, driver: options.cgroupDriver });
  // Again under the lock, for a fork server that was just ending removes the groups of its instance.
  await makeInstanceGroups(effects, hierarchies, instance);
  const restarts = options.metricRegistry.counter({
    name: 'isopod_helper_restarts_total',
    help: 'How often the fork server was gone and another one was started.',
  });
  const workers = new WorkerPool({
    effects,
    socketPath,
    startForkServer: async () => {
      restarts.increment();
      await startForkServer();
    },
    idleWorkers: IDLE_WORKERS,
    connectDeadlineMs: CONNECT_DEADLINE_MS,
  });
  undo.push('workers', () => workers.close());
  const running = { clock: effects.clock, takeWorker: () => workers.takeWorker() };
  const steps = new StepRunner({ ...running, width: STEP_WORKERS });
  undo.push('step workers', () => steps.close());
  const measures = new StepRunner({ ...running, width: MEASURE_WORKERS });
  undo.push('measuring workers', () => measures.close());
  const { launcher, close } = makeLauncher(options, { hierarchies, instance, workers, steps });
  const release = (): void => {
    close();
    steps.close();
    measures.close();
    workers.close();
    lock.release();
  };
  return { hierarchies, workers, launcher, steps, measures, helperSocket: socketPath, startForkServer, release };
}

/** @returns also what lets go of all that the launcher itself holds */
function makeLauncher(
  { effects, state, cgroupDriver, launcher, report }: ComposeOptions,
  parts: {
    readonly hierarchies: readonly CgroupHierarchy[];
    readonly instance: string;
    readonly workers: WorkerPool;
    readonly steps: StepRunner;
  },
): { readonly launcher: Launcher; close(): void } {
  const { instance, steps } = parts;
  const isSystemd = cgroupDriver.kind === 'systemd';
  const scopes = isSystemd ? new ContainerScopes({ ...parts, effects, slice: cgroupDriver.slice, report }) : undefined;
  const monitors = new LinuxLauncher({
    ...{ ...parts, effects, scopes },
    tree: isSystemd ? scopeTree(instance, cgroupDriver.slice) : instanceTree(instance),
    containersStateDir: join(state, 'c'),
    socketsDir: join(state, 's'),
  });
  const posix = (): Launcher => new PosixLauncher({ effects, monitors, runHostSteps: (list) => steps.run(list) });
  return { launcher: launcher === 'linux' ? monitors : posix(), close: () => scopes?.close() };
}

/** One writer per root directory, and one agent per state directory: sockets and records must not be mixed. */
async function lockBoth(
  options: ComposeOptions,
  helper: { readonly helperSocket: string; readonly ensureForkServer: () => Promise<void> },
): Promise<{ release(): void }> {
  const { effects, lockLost: lost } = options;
  const stateLock = await holdLock({ effects, ...helper, lost }, join(options.state, 'agent.lock'));
  try {
    const rootLock = await holdLock({ effects, ...helper, lost }, join(options.root, 'root.lock'));
    return {
      release: () => {
        rootLock.release();
        stateLock.release();
      },
    };
  } catch (error) {
    stateLock.release();
    throw error;
  }
}
