import type { Random } from '../base/effects.ts';
import { isolatedGroups } from '../isolators/contribute.ts';
import type { IsolatedContainer } from '../isolators/isolator.ts';
import type { EncodedLaunch } from '../launcher/launcher.ts';
import type { ContainerUid } from '../model/container-id.ts';
import type { DiskQuota } from '../model/disk-quota.ts';
import type { CgroupPlan, LaunchPlan } from '../model/launch-plan.ts';
import type { SecretValues } from '../model/volume.ts';
import { encodeMessage } from '../model/wire-codec.ts';
import { encodeLaunch } from '../plan/encode.ts';
import { Template } from '../plan/template.ts';
import { containerPaths, type EnginePaths } from './paths.ts';

/** Bytes of a ticket; its text is 32 hex digits. */
const TICKET_BYTES = 16;

/** Admit to the monitor: an agent, and who owns stdio (empty without an owner). */
export interface Tickets {
  readonly control: Uint8Array;
  readonly owner: Uint8Array;
}

/** All that a launch needs of its plan, which itself is made only for who must look into it. */
export interface PlannedLaunch {
  readonly isolators: readonly string[];
  readonly command: readonly string[];
  readonly workdir: string;
  readonly groups: IsolatedContainer['groups'];
  readonly diskQuota: DiskQuota | undefined;
  /** With the bounds in them. */
  readonly cgroups: readonly CgroupPlan[];
  /** Payload of the launch frame. */
  readonly payload: Uint8Array;
  /** The plan as JSON. */
  readonly planText: string;
  /** The steps of the payload with who wanted them, made anew at each call. */
  encoded(): EncodedLaunch;
}

/** What is in the frame of a launch and in no plan. */
export interface LaunchValues {
  readonly tickets: Tickets;
  readonly secrets: SecretValues;
}

export function newTickets(random: Random, owned: boolean): Tickets {
  return { control: random.bytes(TICKET_BYTES), owner: owned ? random.bytes(TICKET_BYTES) : new Uint8Array(0) };
}

/**
 * A plan as it serves every container that differs from the one it was made for in nothing but its uid. A plan is a pure
 * function of what it is made from, and a uid is opaque to all who take part in it (isolator.contract.ts): another
 * one in its stead gives the other container's plan.
 */
export class PlanTemplate {
  readonly #paths: EnginePaths;
  readonly #secrets: SecretValues;
  readonly #uid: ContainerUid;
  readonly #planTexts: readonly string[];
  readonly #frame: Template;
  readonly #known: Pick<PlannedLaunch, 'isolators' | 'command' | 'workdir' | 'groups' | 'cgroups' | 'diskQuota'>;

  constructor(plan: LaunchPlan, paths: EnginePaths, { tickets, secrets }: LaunchValues) {
    this.#paths = paths;
    this.#secrets = secrets;
    this.#uid = plan.uid;
    this.#planTexts = JSON.stringify(plan).split(plan.uid);
    const { payload } = encodeMessage('launch', encodePlan(plan, paths, { tickets, secrets }));
    this.#frame = new Template(payload, [Buffer.from(plan.uid), tickets.control, tickets.owner]);
    const { isolators, command, cgroups, diskQuota } = plan;
    this.#known = {
      isolators,
      cgroups,
      command: command.arguments,
      workdir: command.workdir,
      groups: isolatedGroups(plan),
      diskQuota,
    };
  }

  /** What it weighs, in bytes, about. */
  get weight(): number {
    return this.#frame.byteLength + this.#planTexts.reduce((sum, { length }) => sum + length, 0);
  }

  /** @param tickets as long as those that it was made with */
  launch(uid: ContainerUid, tickets: Tickets): PlannedLaunch {
    const { isolators, command, workdir, groups, cgroups, diskQuota } = this.#known;
    const planText = this.#planTexts.join(uid);
    const renamed = <Group extends { readonly path: string }>(group: Group): Group => ({
      ...group,
      path: group.path.replaceAll(this.#uid, uid),
    });
    const own = Object.entries(groups).map(([name, group]) => [name, renamed(group)]);
    return {
      ...{ isolators, command, planText, cgroups: cgroups.map(renamed) },
      workdir: workdir.replaceAll(this.#uid, uid),
      groups: Object.fromEntries(own),
      diskQuota: diskQuota && JSON.parse(JSON.stringify(diskQuota).replaceAll(this.#uid, uid)),
      payload: this.#frame.fill([Buffer.from(uid), tickets.control, tickets.owner]),
      encoded: () => encodePlan(JSON.parse(planText) as LaunchPlan, this.#paths, { tickets, secrets: this.#secrets }),
    };
  }
}

function encodePlan(plan: LaunchPlan, paths: EnginePaths, { tickets, secrets }: LaunchValues): EncodedLaunch {
  const { stateDir: stateDirectory, socketPath, sandboxDir } = containerPaths(paths, plan.uid);
  const directories = sandboxDir === plan.stdio.log?.directory ? [] : [sandboxDir];
  const { control: controlTicket, owner: ownerTicket } = tickets;
  const { mountPoint } = paths;
  return encodeLaunch(plan, {
    ...{ stateDirectory, socketPath, directories, controlTicket, ownerTicket, mountPoint, secrets },
  });
}
