import type { Effects } from '../../src/base/effects.ts';
import { openEngine } from '../../src/engine/engine.ts';
import type { Engine } from '../../src/engine/facade.ts';
import type { EngineOptions } from '../../src/engine/host.ts';
import type { EngineProblem } from '../../src/engine/problem.ts';
import { ContainerScopes } from '../../src/launcher/container-scopes.ts';
import { type GroupTree, instanceTree, scopeTree } from '../../src/launcher/group-tree.ts';
import { LinuxLauncher } from '../../src/launcher/linux-launcher.ts';
import { StepRunner } from '../../src/launcher/step-runner.ts';
import { WorkerPool } from '../../src/launcher/worker-pool.ts';
import type { CgroupHierarchy } from '../../src/linux/cgroup-hierarchy.ts';
import { readEach } from '../../src/linux/kernel-files.ts';
import type { CgroupDriverKind } from '../../src/model/cgroup-driver.ts';
import type { ContainerConfig } from '../../src/model/container-config.ts';
import { localDriver } from '../../src/volume/local-driver.ts';
import { createVolumes } from '../../src/volume/volume-store.ts';
import type { FakeConnection } from './fake-connection.ts';
import { fakeFiles } from './fake-files.ts';
import { fakeHelper } from './fake-helper.ts';
import {
  fakeBrowser,
  fakeFetcher,
  fakeImages,
  fakeIsolators,
  fakeProvisioner,
  fakeTransfers,
  HOST_FACTS,
} from './fake-host.ts';
import { FakeKernel, WORLD } from './fake-kernel.ts';
import { fakeServices } from './fake-services.ts';
import { Incarnation } from './incarnation.ts';
import { Scheduler, settled } from './scheduler.ts';
import { type Behaviour, commandOf } from './workload.ts';

/** Replaces parts of an engine, to see whether the simulation notices. */
export type Sabotage = (effects: Effects) => Effects;

/** One engine's life in the simulated world. */
export interface Life {
  readonly incarnation: Incarnation;
  readonly effects: Effects;
  readonly problems: EngineProblem[];
  readonly connections: Set<FakeConnection>;
  readonly engine: Promise<Engine>;
}

/** A kernel and a disk, and the engines that live on them one after the other. */
export class World {
  readonly scheduler: Scheduler;
  readonly kernel: FakeKernel;
  readonly #sabotage: Sabotage;
  readonly driver: CgroupDriverKind;
  /** Where the groups of containers are. */
  readonly tree: GroupTree;

  constructor(seed: number, sabotage: Sabotage = (effects) => effects, driver: CgroupDriverKind = 'cgroupfs') {
    this.driver = driver;
    this.tree = driver === 'systemd' ? scopeTree(WORLD.instance, WORLD.slice) : instanceTree(WORLD.instance);
    this.scheduler = new Scheduler(seed);
    this.kernel = new FakeKernel(this.scheduler);
    this.#sabotage = sabotage;
  }

  /** Starts an engine on what its predecessors left. */
  boot(overrides: Partial<EngineOptions> = {}): Life {
    const incarnation = new Incarnation(this.scheduler);
    const connections = new Set<FakeConnection>();
    const effects = this.#sabotage({
      files: fakeFiles(this.kernel, incarnation),
      helper: fakeHelper(this.kernel, incarnation, connections),
      clock: incarnation.clock(),
      services: fakeServices(this.kernel, incarnation),
      random: { bytes: (count) => this.scheduler.random.bytes(count) },
    });
    const problems: EngineProblem[] = [];
    this.kernel.engine = incarnation;
    const options = { ...engineOptions(effects, this), report: (problem: EngineProblem) => problems.push(problem) };
    const engine = openEngine({ ...options, ...overrides });
    engine.catch(() => {}); // whoever awaits it sees the failure
    return { incarnation, effects, problems, connections, engine };
  }

  /** kill -9: what was begun is not finished, and every connection ends. */
  killEngine(life: Life): void {
    life.incarnation.isAlive = false;
    for (const connection of life.connections) connection.close();
    this.kernel.endEmptyUnits();
  }

  powerCut(life: Life): void {
    life.incarnation.isAlive = false;
    this.kernel.powerCut();
  }

  killForkServer(): void {
    this.kernel.isForkServerAlive = false;
  }

  /** Lets things happen until the promise has settled. @throws when nothing is left that could settle it */
  async until<Value>(promise: Promise<Value>, maxSteps = 20_000): Promise<Value> {
    let isSettled = false;
    const watched = promise.finally(() => {
      isSettled = true;
    });
    watched.catch(() => {}); // returned below
    for (let step = 0; step < maxSteps; step++) {
      if (isSettled) return watched;
      const happened = await this.scheduler.step();
      if (!happened && !isSettled) break;
    }
    if (isSettled) return watched;
    throw new Error(`stuck after ${this.scheduler.steps} steps; last: ${this.scheduler.trace.slice(-5).join(' | ')}`);
  }

  /** Lets everything happen that does not need time to pass for longer than this. */
  async quiesce(ms = 200_000): Promise<void> {
    const endMs = this.scheduler.nowMs + ms;
    await settled();
    while (this.scheduler.hasWorkUntil(endMs)) {
      await this.scheduler.step();
      if (!this.scheduler.hasWorkUntil(endMs)) await settled();
    }
  }
}

export const HIERARCHY: CgroupHierarchy = { version: 2, mountPoint: WORLD.cgroupMount, controllers: ['memory'] };

function engineOptions(effects: Effects, { driver, tree }: World): Omit<EngineOptions, 'report'> {
  const workers = new WorkerPool({
    effects,
    socketPath: WORLD.helperSocket,
    startForkServer: () =>
      effects.helper.startForkServer({ binary: 'helper', socketPath: WORLD.helperSocket, cgroups: [], logPath: '' }),
    idleWorkers: 1,
    connectDeadlineMs: 5_000,
  });
  const steps = new StepRunner({ clock: effects.clock, takeWorker: () => workers.takeWorker(), width: 2 });
  const isolators = fakeIsolators(effects);
  const { instance, slice } = WORLD;
  const parts = { effects, workers, steps, hierarchies: [HIERARCHY] };
  const makeScopes = () => new ContainerScopes({ ...parts, instance, slice, report: () => {} });
  return {
    ...{ rootDir: WORLD.rootDir, stateDir: WORLD.stateDir, effects, isolators },
    images: fakeImages(),
    openTransfers: () => fakeTransfers,
    provisioner: fakeProvisioner(),
    fetcher: fakeFetcher(),
    volumes: createVolumes({
      effects,
      directory: `${WORLD.rootDir}/volumes`,
      runHostSteps: (list) => steps.run(list),
      drivers: [localDriver(effects.files)],
      report: () => {},
    }),
    permittedIsolators: isolators.map(({ name }) => name),
    launcher: new LinuxLauncher({
      ...{ ...parts, tree, scopes: driver === 'systemd' ? makeScopes() : undefined },
      containersStateDir: `${WORLD.stateDir}/c`,
      socketsDir: `${WORLD.stateDir}/s`,
    }),
    hostFacts: HOST_FACTS,
    runHostSteps: (list) => steps.run(list),
    readKernelFiles: (wanted) => readEach(effects.files, wanted),
    browser: fakeBrowser(effects),
    takeWorker: () => workers.takeWorker(),
    lock: {
      release: () => {
        steps.close();
        workers.close();
      },
    },
  };
}

/** A container whose command does this. */
export function config(behaviour: Behaviour, changes: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    ...{
      name: '',
      pull: 'missing',
      env: [],
      labels: {},
      volumes: [],
      devices: [],
      deviceRules: [],
      resources: {},
    },
    ...{ process: {}, sysctls: {} },
    rootfs: { kind: 'image', reference: 'image' },
    command: commandOf(behaviour),
    ...{ readOnlyRootfs: false, init: false, terminal: false, stdin: false, owned: false, autoRemove: false },
    security: {},
    log: { format: 'cri', maxBytes: 1 << 20, maxFiles: 2 },
    ...changes,
  };
}
