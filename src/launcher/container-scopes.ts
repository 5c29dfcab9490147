import { join } from 'node:path';
import type { Effects, HelperConnection } from '../base/effects.ts';
import { ACCOUNTING_CONTROLLERS, type CgroupHierarchy } from '../linux/cgroup-hierarchy.ts';
import { CGROUP2 } from '../linux/cgroup2.ts';
import { isManagedBySystemd, systemdLimitsVersion } from '../linux/systemd.ts';
import { type EngineError, systemErrorCode } from '../model/error.ts';
import type { CgroupPlan } from '../model/launch-plan.ts';
import { step } from '../model/wire.ts';
import { launcherErrors } from './errors.ts';
import { HOLDER_GROUP, scopeGroup, scopeUnit } from './group-tree.ts';
import type { StepRunner } from './step-runner.ts';
import { boundProperties, startProperties, widerProperties } from './unit-properties.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface ContainerScopesOptions {
  readonly effects: Effects;
  readonly hierarchies: readonly CgroupHierarchy[];
  readonly instance: string;
  readonly slice: string;
  readonly workers: Pick<WorkerPool, 'take' | 'replace'>;
  readonly steps: Pick<StepRunner, 'run'>;
  /** Told what went wrong where no caller waits. */
  readonly report: (problem: { readonly what: string; readonly uid: string; readonly error: unknown }) => void;
}

const BY = 'launcher/linux';
const REMOVE_DEADLINE_MS = 2_000;

/**
 * A transient scope of systemd's for each container, delegated to us. A scope needs a process from its first moment and ends
 * with its last one: a worker of the helper that waits for nothing holds it, so that it is there before the container's
 * first process is born, and its groups until the end of the container was explained and cleaned up (docs/adr/0084).
 */
export class ContainerScopes {
  readonly #options: ContainerScopesOptions;
  readonly #holders = new Map<string, HelperConnection>();
  readonly #version: 1 | 2;

  constructor(options: ContainerScopesOptions) {
    this.#options = options;
    this.#version = systemdLimitsVersion(options.hierarchies);
  }

  /**
   * Makes the scope of a container that is about to be launched, with its bounds.
   *
   * @throws {EngineError} `launcher.scopeRefused`, `launcher.scopeGroupMissing`, `launcher.noServiceManager`
   */
  async start(uid: string, cgroups: readonly CgroupPlan[]): Promise<void> {
    await this.#startAround(uid, { cgroups, worker: await this.#options.workers.take() });
  }

  /** Makes it anew for a launch that is sent once more: what was to hold it may be gone. */
  async restart(uid: string, cgroups: readonly CgroupPlan[]): Promise<void> {
    await this.stop(uid);
    await this.#startAround(uid, { cgroups, worker: await this.#options.workers.replace() });
  }

  /** @param besides bounds that must have room for, too */
  async announceBounds(uid: string, cgroups: readonly CgroupPlan[], besides: readonly CgroupPlan[]): Promise<void> {
    const after = boundProperties(this.#version, cgroups);
    const properties = widerProperties(boundProperties(this.#version, besides), after);
    await this.#ask(uid, 'change', (unit) => this.#options.effects.services.setUnitProperties(unit, properties));
  }

  /**
   * Of a container that an earlier agent has launched: what held its scope went with that agent. Never rejects: without it
   * the scope still lasts as long as the container.
   */
  async hold(uid: string): Promise<void> {
    try {
      const { connection, pid } = await this.#options.workers.take();
      this.#hold(uid, connection);
      await this.#enter(uid, pid);
    } catch (error) {
      this.#release(uid);
      this.#options.report({ what: 'holding the scope of a container', uid, error });
    }
  }

  /**
   * Ends the scope; there need not be one. Its groups go with it, but for those that a monitor has made anew after the agent
   * that held the scope was killed.
   *
   * @throws {EngineError} `launcher.scopeRefused`, `launcher.noServiceManager`
   */
  async stop(uid: string): Promise<void> {
    this.#release(uid);
    await this.#ask(uid, 'stop', (unit) => this.#options.effects.services.stopUnit(unit));
    const groups = this.#managed().map((hierarchy) => scopeGroup(hierarchy, this.#options, uid));
    const deadlineMs = REMOVE_DEADLINE_MS;
    await this.#options.steps.run(groups.map((path) => step(BY, 'remove-cgroup', { path, deadlineMs })));
  }

  /** Lets go of all; scopes go on as long as what runs in them. */
  close(): void {
    for (const uid of [...this.#holders.keys()]) this.#release(uid);
    this.#options.effects.services.close();
  }

  async #startAround(
    uid: string,
    {
      cgroups,
      worker: { connection, pid },
    }: {
      readonly cgroups: readonly CgroupPlan[];
      readonly worker: { readonly connection: HelperConnection; readonly pid: number };
    },
  ): Promise<void> {
    this.#hold(uid, connection);
    const names = { slice: this.#options.slice, description: `isopod container ${uid}` };
    const properties = startProperties(this.#version, names, cgroups);
    await this.#ask(uid, 'start', (unit) =>
      this.#options.effects.services.startScope(unit, { pids: [pid], properties }),
    );
    await this.#enter(uid, pid);
  }

  /**
   * In v2 the holder makes room: only a group without processes of its own may give controllers to groups below. In v1 systemd
   * has moved it; a holder that comes later moves itself.
   */
  async #enter(uid: string, pid: number): Promise<void> {
    const { files } = this.#options.effects;
    for (const hierarchy of this.#managed()) {
      const group = scopeGroup(hierarchy, this.#options, uid);
      if (!(await files.exists(group))) {
        throw launcherErrors.scopeGroupMissing({ unit: scopeUnit(this.#options.instance, uid), group });
      }
      const held = hierarchy.version === 2 ? join(group, HOLDER_GROUP) : group;
      const move = step(BY, 'write-kernel-file', { path: join(held, 'cgroup.procs'), value: `${pid}` });
      const making = hierarchy.version === 2 ? [step(BY, 'make-cgroup', { path: held })] : [];
      await this.#options.steps.run([...making, move, ...enablingSteps(hierarchy, group)]);
    }
  }

  #managed(): readonly CgroupHierarchy[] {
    return this.#options.hierarchies.filter(isManagedBySystemd);
  }

  #hold(uid: string, connection: HelperConnection): void {
    this.#holders.set(uid, connection);
    void connection.closed.then(() => {
      if (this.#holders.get(uid) === connection) this.#holders.delete(uid);
    });
  }

  #release(uid: string): void {
    this.#holders.get(uid)?.close();
    this.#holders.delete(uid);
  }

  async #ask(uid: string, doing: string, ask: (unit: string) => Promise<void>): Promise<void> {
    const unit = scopeUnit(this.#options.instance, uid);
    try {
      await ask(unit);
    } catch (error) {
      throw refusal(error, { unit, doing }) ?? error;
    }
  }
}

/** What the scope has of what every container is accounted by. */
function enablingSteps({ version, controllers }: CgroupHierarchy, group: string) {
  if (version === 1) return [];
  const path = join(group, CGROUP2.subtreeControl);
  return ACCOUNTING_CONTROLLERS.filter((name) => controllers.includes(name)).map((name) =>
    step(BY, 'write-kernel-file', { path, value: `+${name}` }),
  );
}

/** System errors say that nobody could be asked; errors of D-Bus have names with dots. */
function refusal(
  error: unknown,
  { unit, doing }: { readonly unit: string; readonly doing: string },
): EngineError | undefined {
  const code = systemErrorCode(error);
  if (code === undefined || !(error instanceof Error)) return undefined;
  const details = { unit, doing, reason: error.message };
  const isRefused = code.includes('.') || code.startsWith('job-');
  return isRefused ? launcherErrors.scopeRefused(details, error) : launcherErrors.noServiceManager(details, error);
}
