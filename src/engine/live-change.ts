import { dirname } from 'node:path';
import { CGROUP2 } from '../linux/cgroup2.ts';
import { ERRNO, errnoName } from '../linux/errno.ts';
import { stepErrno } from '../linux/helper-worker.ts';
import { isErrorOfKind } from '../model/error.ts';
import type { CgroupPlan } from '../model/launch-plan.ts';
import type { Step } from '../model/wire.ts';
import { type DeviceChange, deviceChangeSteps, deviceChanges } from '../plan/device-changes.ts';
import { type DiskChange, diskChangeSteps, diskChanges } from '../plan/disk-changes.ts';
import { type KnobChange, knobChanges } from '../plan/knob-changes.ts';
import { type GroupChange, groupChangeSteps, groupChanges } from '../plan/late-groups.ts';
import type { Container } from './container.ts';
import type { EngineHost } from './host.ts';
import { writeKnob } from './knob-writer.ts';
import type { RecordedBounds } from './record-format.ts';
import { updateErrors } from './update-errors.ts';

/** One thing about a live container that is to be otherwise. */
export type LiveChange = (KnobChange & { readonly kind: 'knob' }) | GroupChange | DiskChange | DeviceChange;

/**
 * All of them in order: groups that come, what the kernel may refuse first, who is in the groups, and what can be seen of it
 * in the container last.
 */
export function liveChanges(before: RecordedBounds, after: RecordedBounds): readonly LiveChange[] {
  const knobs = knobChanges(before.cgroups, after.cgroups).map((change) => ({ ...change, kind: 'knob' as const }));
  const groups = groupChanges(plannedGroups(before), plannedGroups(after));
  const isFirst = (change: GroupChange) => change.kind === 'group' && change.isWanted;
  return [
    ...groups.filter(isFirst),
    ...knobs,
    ...groups.filter((change) => !isFirst(change)),
    ...diskChanges(before.disk?.quota, after.disk?.quota),
    ...deviceChanges(before.devices?.planned ?? {}, after.devices?.planned ?? {}),
  ];
}

function plannedGroups({ cgroups, placement }: RecordedBounds) {
  return { cgroups, cgroupJoins: placement?.joins ?? [] };
}

/** Equal for a change and for what takes it back. */
export function changeKey(change: LiveChange): string {
  if (change.kind === 'rules') return 'device rules';
  if (change.kind === 'node') return `device ${JSON.stringify(change.node)}`;
  if (change.kind === 'disk') return 'disk limit';
  if (change.kind === 'group') return `group ${change.group.path}`;
  if (change.kind === 'processes') return `processes ${[change.from, change.to].sort().join(' ')}`;
  return `${change.group} ${change.file} ${change.entry ?? ''}`;
}

/** Whether all is as it was after this error; rules may have been written in part, and some of the processes moved. */
export function isSureToStay(change: LiveChange, error: unknown): boolean {
  return ['knob', 'node', 'disk'].includes(change.kind) && isErrorOfKind(error, 'failed-precondition');
}

/**
 * Makes one change.
 *
 * @param at.bounds what holds beside it
 * @throws {EngineError} `update.memoryInUse`, `update.deviceInTheWay`, `update.groupRefused`, `update.diskRefused`, `update.refused` (failed-precondition)
 */
export async function writeChange(
  host: EngineHost,
  change: LiveChange,
  { container, bounds }: { readonly container: Container; readonly bounds: RecordedBounds },
): Promise<void> {
  const { uid } = container;
  if (change.kind === 'knob') {
    await writeKnob(host, change, { uid, memoryHigh: memoryHighOf(bounds.cgroups, change.group) });
    return;
  }
  if (change.kind === 'disk') {
    const steps = diskChangeSteps(change, dirname(container.paths.sandboxDir));
    await runSteps(host, steps, (error) => diskRefusalOf(uid, change, error));
    return;
  }
  const plan = await host.records.loadPlan(uid);
  if (change.kind === 'group' || change.kind === 'processes') {
    await runSteps(host, groupChangeSteps(plan, change), (error) => groupRefusalOf(uid, change, error));
    return;
  }
  const { process } = container;
  // An engine that resumes an update has been told of the process by its monitor.
  if (process === undefined) throw updateErrors.noProcess({ uid });
  await runSteps(host, deviceChangeSteps(plan, process, change), (error) => refusalOf(uid, change, error));
}

async function runSteps(
  host: EngineHost,
  steps: readonly Step[],
  refusal: (error: unknown) => Error | undefined,
): Promise<void> {
  if (steps.length === 0) return;
  try {
    await host.runHostSteps(steps);
  } catch (error) {
    throw refusal(error) ?? error;
  }
}

function memoryHighOf(cgroups: readonly CgroupPlan[], group: string): string | undefined {
  return cgroups.find(({ path }) => path === group)?.knobs.find(({ file }) => file === CGROUP2.memoryHigh)?.value;
}

function diskRefusalOf(uid: string, { by, to: { limitBytes = 0 } }: DiskChange, error: unknown): Error | undefined {
  const errno = stepErrno(error);
  return errno === undefined
    ? undefined
    : updateErrors.diskRefused({ uid, by, limitBytes, errno: errnoName(errno) }, error);
}

function groupRefusalOf(uid: string, change: GroupChange, error: unknown): Error | undefined {
  const errno = stepErrno(error);
  if (errno === undefined) return undefined;
  const [what, group] =
    change.kind === 'group'
      ? (['a group for', change.group.path] as const)
      : (['to move the processes of', change.to] as const);
  return updateErrors.groupRefused({ uid, by: change.by, what, group, errno: errnoName(errno) }, error);
}

function refusalOf(uid: string, change: DeviceChange, error: unknown): Error | undefined {
  const errno = stepErrno(error);
  if (errno === undefined) return undefined;
  if (change.kind === 'rules') {
    return updateErrors.devicesRefused(
      { uid, by: change.by, what: 'these device rules', errno: errnoName(errno) },
      error,
    );
  }
  const path = `/dev/${change.node.path}`;
  if (errno === ERRNO.EEXIST) return updateErrors.deviceInTheWay({ uid, path }, error);
  return updateErrors.devicesRefused(
    { uid, by: change.by, what: `a device at ${path}`, errno: errnoName(errno) },
    error,
  );
}
