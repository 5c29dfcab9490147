import type { Effects, HelperConnection } from '../base/effects.ts';
import type { CgroupHierarchy } from '../linux/cgroup-hierarchy.ts';
import { CGROUP1 } from '../linux/cgroup1.ts';
import { CGROUP2 } from '../linux/cgroup2.ts';
import { type PressureTrigger, pressureFile, triggerText } from '../linux/pressure.ts';
import type { ContainerUid } from '../model/container-id.ts';
import { systemErrorCode } from '../model/error.ts';
import type { CgroupPlacement, CgroupPlan } from '../model/launch-plan.ts';
import { MESSAGES, type Step, step, WATCH_KIND } from '../model/wire.ts';
import { attachMonitor } from './attach-monitor.ts';
import type { ContainerScopes } from './container-scopes.ts';
import { launcherErrors } from './errors.ts';
import { findContainers } from './find-containers.ts';
import { setFrozen, signalGroup } from './group-steps.ts';
import { type GroupTree, ownGroup } from './group-tree.ts';
import type {
  GroupWatchKind,
  Launcher,
  LaunchRequest,
  MonitorLink,
  PortAnswer,
  PortTry,
  ProcessEnd,
  ProcessIdentity,
  SignalToAll,
  Watch,
} from './launcher.ts';
import { Lineages } from './lineages.ts';
import { FramedMonitorLink } from './monitor-link.ts';
import { coreLink } from './monitor-version.ts';
import { placeContainer, trackingHierarchy } from './placement.ts';
import { PortTries } from './port-tries.ts';
import { parseRecordedEnd } from './recorded-end.ts';
import type { StepRunner } from './step-runner.ts';
import { Watcher, watchErrno } from './watcher.ts';
import type { IdleWorker, WorkerPool } from './worker-pool.ts';

export interface LinuxLauncherOptions {
  readonly effects: Effects;
  readonly hierarchies: readonly CgroupHierarchy[];
  readonly tree: GroupTree;
  /** With the driver `systemd`. */
  readonly scopes?: ContainerScopes | undefined;
  readonly workers: WorkerPool;
  /** Runs what ends a container; shared with whoever else has host steps to run. */
  readonly steps: StepRunner;
  /** `<state>/c` and `<state>/s` (DESIGN §6). */
  readonly containersStateDir: string;
  readonly socketsDir: string;
}

const BY = 'launcher/linux';
const REMOVE_DEADLINE_MS = 2_000;

/** Launcher `linux`: namespaces and cgroups by the helper; tracking in cgroup v2, or the v1 freezer. */
export class LinuxLauncher implements Launcher {
  readonly #options: LinuxLauncherOptions;
  readonly #watcher: Watcher;
  readonly #portTries: PortTries;
  readonly #lineages = new Lineages();

  constructor(options: LinuxLauncherOptions) {
    this.#options = options;
    const connect = async () => (await options.workers.take()).connection;
    const parts = { clock: options.effects.clock, connect };
    this.#watcher = new Watcher(parts);
    this.#portTries = new PortTries(parts);
  }

  placement(
    uid: ContainerUid,
    controllers: readonly string[],
    around: readonly { readonly path: string }[] = [],
  ): CgroupPlacement {
    const { hierarchies, tree } = this.#options;
    return placeContainer(hierarchies, tree, { lineage: this.#lineages.of(uid), controllers, around });
  }

  nest(uid: ContainerUid, parent: ContainerUid): void {
    this.#lineages.nest(uid, parent);
  }

  forget(uid: ContainerUid): void {
    this.#lineages.forget(uid);
  }

  async launch(request: LaunchRequest): Promise<MonitorLink> {
    const { workers } = this.#options;
    const { uid, cgroups } = request;
    const scopes = this.#scopesOf(uid);
    if (cgroups !== undefined) await scopes?.start(uid, cgroups);
    const send = async ({ connection }: IdleWorker): Promise<HelperConnection> => {
      // A worker that died while it waited shows as the end of its connection, too, where the link sees it.
      await connection.send(MESSAGES.launch.code, request.payload).catch(() => connection.close());
      return connection;
    };
    const link = this.#link(uid, {
      connection: await send(await workers.take()),
      relaunch: async () => {
        const worker = await workers.replace();
        // What held the scope was a worker, too.
        if (cgroups !== undefined) await scopes?.restart(uid, cgroups);
        return send(worker);
      },
    });
    void link.follow();
    return link;
  }

  async recover(uid: string, controlTicket: Uint8Array): Promise<MonitorLink | undefined> {
    const { effects, socketsDir } = this.#options;
    const found = await attachMonitor(effects, { uid, socketPath: `${socketsDir}/${uid}`, controlTicket });
    if (found === undefined) return undefined;
    const { connection, attached, version } = found;
    const link = this.#link(uid, { connection });
    link.resume(attached, effects.clock.nowMs());
    void link.follow();
    void this.#scopesOf(uid)?.hold(uid);
    return version === undefined ? link : coreLink(link, version);
  }

  async recordedEnd(uid: string): Promise<ProcessEnd | undefined> {
    try {
      const text = await this.#options.effects.files.readText(`${this.#options.containersStateDir}/${uid}/status`);
      return parseRecordedEnd(text);
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async destroy(
    uid: ContainerUid,
    deadlineMs: number,
    { afterwards = [] }: { readonly afterwards?: readonly Step[] } = {},
  ): Promise<void> {
    try {
      await this.#options.steps.run([...this.#destroySteps(uid, deadlineMs), ...afterwards]);
    } catch (error) {
      if (await this.#isEmpty(uid)) throw error;
      throw launcherErrors.unkillable({ uid, deadlineMs }, error);
    }
    await this.#scopesOf(uid)?.stop(uid);
  }

  async announceBounds(
    uid: ContainerUid,
    cgroups: readonly CgroupPlan[],
    { besides = cgroups }: { readonly besides?: readonly CgroupPlan[] } = {},
  ): Promise<void> {
    await this.#scopesOf(uid)?.announceBounds(uid, cgroups, besides);
  }

  freeze(uid: ContainerUid, deadlineMs: number): Promise<void> {
    return setFrozen(this.#options.steps, { uid, ...this.trackingGroup(uid) }, { frozen: 1, deadlineMs });
  }

  thaw(uid: ContainerUid, deadlineMs: number): Promise<void> {
    return setFrozen(this.#options.steps, { uid, ...this.trackingGroup(uid) }, { frozen: 0, deadlineMs });
  }

  signalAll(uid: ContainerUid, how: SignalToAll): Promise<void> {
    return signalGroup(this.#options.steps, { uid, ...this.trackingGroup(uid) }, how);
  }

  async isFrozen(uid: ContainerUid): Promise<boolean> {
    const { path, version } = this.trackingGroup(uid);
    const file = version === 2 ? CGROUP2.freeze : CGROUP1.selfFreezing;
    try {
      return (await this.#options.effects.files.readText(`${path}/${file}`)).trim() === '1';
    } catch (error) {
      if (isGroupGone(error)) return false;
      throw error;
    }
  }

  async watchPressure(uid: ContainerUid, trigger: PressureTrigger, noticed: () => void): Promise<Watch> {
    const { path: group, version } = this.trackingGroup(uid);
    const path = `${group}/${pressureFile(trigger.resource)}`;
    if (version === 1) throw launcherErrors.noPressure({ file: path, reason: 'it is tracked in cgroup v1' });
    try {
      return await this.#watcher.watch({ kind: WATCH_KIND.pressure, path, trigger: triggerText(trigger) }, noticed);
    } catch (error) {
      const errno = watchErrno(error) ?? '';
      // kernel/sched/psi.c, psi_trigger_create: unprivileged ones are looked at every 2 s only.
      if (errno === 'EINVAL') throw launcherErrors.pressureWindow({ windowUs: trigger.windowUs }, error);
      if (['ENOENT', 'EOPNOTSUPP'].includes(errno))
        throw launcherErrors.noPressure({ file: path, reason: errno }, error);
      throw error;
    }
  }

  watchGroup(
    { kind, path }: { readonly kind: GroupWatchKind; readonly path: string },
    noticed: () => void,
  ): Promise<Watch> {
    return this.#watcher.watch({ kind: WATCH_KIND[kind], path, trigger: '' }, noticed);
  }

  tryPort(process: ProcessIdentity, request: PortTry): Promise<PortAnswer> {
    return this.#portTries.try(process, request);
  }

  async containers(): Promise<readonly ContainerUid[]> {
    const { effects, hierarchies, tree } = this.#options;
    const uids = new Set<ContainerUid>();
    await findContainers(effects.files, { hierarchies, tree }, (uid, parent) => {
      if (parent !== undefined) this.#lineages.nest(uid, parent);
      uids.add(uid);
    });
    return [...uids];
  }

  async processes(uid: ContainerUid): Promise<readonly number[]> {
    const { path } = this.placement(uid, []).tracking;
    try {
      const text = await this.#options.effects.files.readText(`${path}/cgroup.procs`);
      return text.split('\n').filter(Boolean).map(Number);
    } catch (error) {
      if (isGroupGone(error)) return [];
      throw error;
    }
  }

  trackingGroup(uid: ContainerUid): { readonly path: string; readonly version: 1 | 2 } {
    const { hierarchies, tree } = this.#options;
    const tracking = trackingHierarchy(hierarchies);
    return { path: ownGroup(tree, tracking, this.#lineages.of(uid)), version: tracking.version };
  }

  /** A nested container lives below the scope of the outermost one, which systemd has delegated to us. */
  #scopesOf(uid: string): ContainerScopes | undefined {
    return this.#lineages.of(uid).length === 1 ? this.#options.scopes : undefined;
  }

  #link(
    uid: string,
    channel: { readonly connection: HelperConnection; readonly relaunch?: () => Promise<HelperConnection> },
  ): FramedMonitorLink {
    const { effects, socketsDir } = this.#options;
    const socketPath = `${socketsDir}/${uid}`;
    const recordedEnd = () => this.recordedEnd(uid);
    return new FramedMonitorLink({ ...{ uid, socketPath, effects, recordedEnd }, ...channel });
  }

  /** Kill where it is tracked, then remove its group in every hierarchy: a missing one costs next to nothing. */
  #destroySteps(uid: ContainerUid, deadlineMs: number): readonly Step[] {
    const { hierarchies, tree } = this.#options;
    const lineage = this.#lineages.of(uid);
    return [
      step(BY, 'kill-cgroup', { ...this.trackingGroup(uid), deadlineMs }),
      ...hierarchies.map((hierarchy) =>
        step(BY, 'remove-cgroup', { path: ownGroup(tree, hierarchy, lineage), deadlineMs: REMOVE_DEADLINE_MS }),
      ),
    ];
  }

  async #isEmpty(uid: ContainerUid): Promise<boolean> {
    return (await this.processes(uid)).length === 0;
  }
}

/** ENODEV: the group was removed between open and read. */
function isGroupGone(error: unknown): boolean {
  return ['ENOENT', 'ENODEV'].includes(systemErrorCode(error) ?? '');
}
