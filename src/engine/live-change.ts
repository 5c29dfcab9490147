import { CGROUP2 } from '../linux/cgroup2.ts';
import { ERRNO, errnoName } from '../linux/errno.ts';
import { stepErrno } from '../linux/helper-worker.ts';
import { isErrorOfKind } from '../model/error.ts';
import type { CgroupPlan } from '../model/launch-plan.ts';
import { type DeviceChange, deviceChangeSteps, deviceChanges } from '../plan/device-changes.ts';
import { type KnobChange, knobChanges } from '../plan/knob-changes.ts';
import type { Container } from './container.ts';
import type { EngineHost } from './host.ts';
import { writeKnob } from './knob-writer.ts';
import type { RecordedBounds } from './record-format.ts';
import { updateErrors } from './update-errors.ts';

/** One thing about a live container that is to be otherwise. */
export type LiveChange = (KnobChange & { readonly kind: 'knob' }) | DeviceChange;

/** All of them in order: what the kernel may refuse first, and what can be seen of it in the container last. */
export function liveChanges(before: RecordedBounds, after: RecordedBounds): readonly LiveChange[] {
  const knobs = knobChanges(before.cgroups, after.cgroups).map((change) => ({ ...change, kind: 'knob' as const }));
  return [...knobs, ...deviceChanges(before.devices?.planned ?? {}, after.devices?.planned ?? {})];
}

/** Equal for a change and for what takes it back. */
export function changeKey(change: LiveChange): string {
  if (change.kind === 'rules') return 'device rules';
  if (change.kind === 'node') return `device ${JSON.stringify(change.node)}`;
  return `${change.group} ${change.file} ${change.entry ?? ''}`;
}

/** Whether all is as it was after this error; a list of rules may have been written in part. */
export function isSureToStay(change: LiveChange, error: unknown): boolean {
  return change.kind !== 'rules' && isErrorOfKind(error, 'failed-precondition');
}

/**
 * Makes one change.
 *
 * @param at.bounds what holds beside it
 * @throws {EngineError} `update.memoryInUse`, `update.deviceInTheWay`, `update.refused` (failed-precondition)
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
  const { process } = container;
  // An engine that resumes an update has been told of the process by its monitor.
  if (process === undefined) throw updateErrors.noProcess({ uid });
  const plan = await host.records.loadPlan(uid);
  try {
    await host.runHostSteps(deviceChangeSteps(plan, process, change));
  } catch (error) {
    throw refusalOf(uid, change, error) ?? error;
  }
}

function memoryHighOf(cgroups: readonly CgroupPlan[], group: string): string | undefined {
  return cgroups.find(({ path }) => path === group)?.knobs.find(({ file }) => file === CGROUP2.memoryHigh)?.value;
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
