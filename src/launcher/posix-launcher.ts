import { withDeadline } from '../base/deadline.ts';
import type { Effects } from '../base/effects.ts';
import { processTree } from '../linux/process-tree.ts';
import type { ContainerUid } from '../model/container-id.ts';
import { isErrorOfKind } from '../model/error.ts';
import type { CgroupPlacement } from '../model/launch-plan.ts';
import { type Step, step } from '../model/wire.ts';
import { launcherErrors } from './errors.ts';
import type {
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

export interface PosixLauncherOptions {
  readonly effects: Effects;
  /** Launches through monitors and finds them again; what tracks the processes is not its business. */
  readonly monitors: Pick<Launcher, 'launch' | 'recover' | 'recordedEnd' | 'tryPort'>;
  readonly runHostSteps: (steps: readonly Step[]) => Promise<void>;
}

const BY = 'launcher/posix';
/** SIGKILL, signal(7). */
const SIGKILL = 9;
/** Without any group: the monitor is the subreaper of all processes of its container. */
const PLACEMENT: CgroupPlacement = { tracking: { path: '', version: 'none' }, groups: [], joins: [] };

/**
 * Launcher `posix`: no namespaces and no groups, for who is not root or wants no more than a process that is looked
 * after. A container is a session; its monitor is the subreaper of whatever comes of it, ends all of it with the first
 * process, and tells the end only then. A monitor that is killed leaves its processes to the fork server, which ends
 * them. With agent, fork server and monitor killed at once only the first process is found again.
 */
export class PosixLauncher implements Launcher {
  readonly #options: PosixLauncherOptions;
  readonly #links = new Map<string, MonitorLink>();

  constructor(options: PosixLauncherOptions) {
    this.#options = options;
  }

  placement(_uid: ContainerUid, controllers: readonly string[]): CgroupPlacement {
    const [controller] = controllers;
    if (controller !== undefined) throw launcherErrors.controllerMissing({ controller });
    return PLACEMENT;
  }

  /** A container of its launcher has no namespaces that another one could live in: the engine refuses that. */
  nest(): void {}

  forget(): void {}

  async launch(request: LaunchRequest): Promise<MonitorLink> {
    return this.#keep(await this.#options.monitors.launch(request));
  }

  async recover(uid: string, controlTicket: Uint8Array): Promise<MonitorLink | undefined> {
    const link = await this.#options.monitors.recover(uid, controlTicket);
    return link === undefined ? undefined : this.#keep(link);
  }

  recordedEnd(uid: string): Promise<ProcessEnd | undefined> {
    return this.#options.monitors.recordedEnd(uid);
  }

  async destroy(
    uid: ContainerUid,
    deadlineMs: number,
    {
      afterwards = [],
      process,
    }: { readonly afterwards?: readonly Step[]; readonly process?: ProcessIdentity | undefined } = {},
  ): Promise<void> {
    const link = this.#links.get(uid);
    if (link !== undefined) await this.#end(link, deadlineMs);
    else if (process !== undefined) await this.#signalAlone(process, SIGKILL);
    if (afterwards.length > 0) await this.#options.runHostSteps(afterwards);
  }

  async announceBounds(): Promise<void> {}

  async freeze(uid: ContainerUid): Promise<void> {
    throw launcherErrors.cannotFreeze({ uid });
  }

  async thaw(): Promise<void> {}

  /** As they are found: one that is forked meanwhile may be missed. One that has ended meanwhile is fine. */
  async signalAll(uid: ContainerUid, { signal }: SignalToAll): Promise<void> {
    const link = this.#links.get(uid);
    const found = link === undefined ? [] : await processTree(this.#options.effects.files, (await link.cloned).pid);
    for (const { pid, startTime } of found) await this.#signalAlone({ pid, startTime: BigInt(startTime) }, signal);
  }

  async isFrozen(): Promise<boolean> {
    return false;
  }

  trackingGroup(): undefined {
    return undefined;
  }

  async watchPressure(): Promise<Watch> {
    throw launcherErrors.noPressure({ file: 'a group of the container', reason: 'its launcher is posix' });
  }

  async watchGroup({ path }: { readonly path: string }): Promise<Watch> {
    const [what, reason, errno] = ['', 'its launcher is posix', 'ENOTSUP'];
    throw launcherErrors.watchRefused({ path, what, reason, errno });
  }

  tryPort(process: ProcessIdentity, request: PortTry): Promise<PortAnswer> {
    return this.#options.monitors.tryPort(process, request);
  }

  async #end(link: MonitorLink, deadlineMs: number): Promise<void> {
    try {
      await link.signal(SIGKILL);
    } catch (error) {
      // Its end is on its way, or nobody is left who could tell it.
      if (!isErrorOfKind(error, 'failed-precondition', 'unavailable')) throw error;
    }
    await withDeadline(this.#options.effects.clock, Promise.race([link.ended, link.gone]), {
      ms: deadlineMs,
      expired: () => launcherErrors.unkillable({ uid: link.uid, deadlineMs }),
    });
  }

  /** Nothing on the host names a container but its records. */
  async containers(): Promise<readonly ContainerUid[]> {
    return [];
  }

  async processes(uid: ContainerUid): Promise<readonly number[]> {
    const link = this.#links.get(uid);
    if (link === undefined) return [];
    const { pid } = await link.cloned;
    return (await processTree(this.#options.effects.files, pid)).map((found) => found.pid);
  }

  #keep(link: MonitorLink): MonitorLink {
    this.#links.set(link.uid, link);
    void link.gone.then(() => {
      if (this.#links.get(link.uid) === link) this.#links.delete(link.uid);
    });
    return link;
  }

  /** It may have ended long ago: a process with another start time is left alone. */
  async #signalAlone({ pid, startTime }: ProcessIdentity, signal: number): Promise<void> {
    try {
      await this.#options.runHostSteps([step(BY, 'signal-process', { pid, startTime, signal })]);
    } catch (error) {
      if (!isErrorOfKind(error, 'internal')) throw error; // a step that failed: nobody is there
    }
  }
}
