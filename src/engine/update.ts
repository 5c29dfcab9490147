import { isolatedGroups } from '../isolators/contribute.ts';
import type { Isolator } from '../isolators/isolator.ts';
import { isNoDeviceChange } from '../model/device-changes.ts';
import { afterOthers, whileNobodyJoins } from './changes.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import type { ContainerStatus } from './facade.ts';
import { aboutContainer } from './happenings.ts';
import type { EngineHost } from './host.ts';
import { changeKey, isSureToStay, type LiveChange, liveChanges, writeChange } from './live-change.ts';
import { damageOf } from './problem.ts';
import type { RecordedBounds, UpdateRecord } from './record-format.ts';
import { findMark, markOf, withMark } from './request-mark.ts';
import { updateErrors } from './update-errors.ts';
import { planUpdate, type UpdateRequest, wantedUpdate } from './update-plan.ts';

/**
 * Changes bounds and devices of a container that runs or is paused: all of them, or after a refusal none. What is to be done is on
 * disk before the first knob is written, so that an engine that follows a killed one finishes it (docs/adr/0045).
 *
 * @throws {EngineError} `update.*`, `engine.notRunning`, `container-request.*`, `late-isolators.listed`, `isolators.*`, what isolators refuse
 */
export function updateContainer(
  host: EngineHost,
  container: Container,
  request: UpdateRequest,
): Promise<ContainerStatus> {
  const { requestKey } = request;
  return afterOthers(container, async () => {
    const nowMs = host.effects.clock.nowMs();
    if (findMark(container.updatedFor, requestKey, nowMs) >= 0) return container.status();
    checkLive(container);
    if (isNothing(request)) {
      throw updateErrors.nothing({ uid: container.uid });
    }
    if (container.unsettled !== undefined && !(await settle(host, container))) {
      throw updateErrors.unsettled({ uid: container.uid });
    }
    const wanted = wantedUpdate(host, container, request);
    try {
      const planned = await planUpdate(host, container, wanted);
      await carryOut(host, container, { ...planned, askedFor: markOf(requestKey, nowMs) });
    } catch (error) {
      await letGo(host, container, wanted.late);
      throw error;
    }
    host.limits.begin(container);
    host.events.emit({ ...aboutContainer(container), kind: 'updated', atMs: host.effects.clock.nowMs() });
    return container.status();
  });
}

/**
 * Finishes the update that a killed engine has left, and takes it back where the kernel refuses: then nobody was told
 * that it was done. Never rejects.
 */
export async function resumeUpdate(host: EngineHost, container: Container): Promise<void> {
  const { uid } = container;
  const found = await foundUpdate(host, uid);
  if (found === undefined) return;
  if (found.bootId !== host.bootId) return; // its groups went with that boot
  const { isolators: known } = container;
  try {
    await carryOut(host, container, found);
    const late = container.isolators.filter((isolator) => !known.includes(isolator));
    for (const isolator of late) await isolator.recover?.(container.isolated());
  } catch (error) {
    host.report({ what: 'finishing an update of an earlier engine', uid, error });
  }
}

/** Damage is reported; the copy tells what the record told. */
async function foundUpdate(host: EngineHost, uid: string): Promise<UpdateRecord | undefined> {
  const found = await host.records.loadUpdate(uid);
  if (found.kind === 'present') return found.value;
  if (found.kind === 'absent') return undefined;
  host.report(damageOf(found, uid));
  const copy = await host.records.loadUpdateCopy(uid);
  if (copy.kind === 'present') return copy.value;
  if (copy.kind === 'absent') await forget(host, uid);
  if (copy.kind === 'damaged')
    host.report(damageOf(copy, uid, ': some of its limits may be new and some old, until the next update'));
  return undefined;
}

/** Whether an update asks for no change. */
export function isNothing({ resources, devices, diskLimitBytes }: UpdateRequest): boolean {
  return Object.keys(resources).length === 0 && isNoDeviceChange(devices) && diskLimitBytes === undefined;
}

/** What isolators hold that had no part in the container before, and have none now. */
async function letGo(host: EngineHost, container: Container, late: readonly Isolator[]): Promise<void> {
  if (container.unsettled !== undefined) return; // theirs may be in force yet
  for (const isolator of late) {
    try {
      await isolator.cleanup?.(container.isolated());
    } catch (error) {
      host.report({ what: `${isolator.name} after a refused update`, uid: container.uid, error });
    }
  }
}

/** An exec that is under way has read which groups it joins. */
function carryOut(host: EngineHost, container: Container, update: UpdateRecord): Promise<void> {
  if (update.after.placement === undefined) return changeAll(host, container, update);
  return whileNobodyJoins(container, async () => {
    checkAlone(container, update);
    await changeAll(host, container, update);
  });
}

/** v1: those that live in it are where it was, and would have to come along. */
function checkAlone({ uid, children }: Container, { before, after }: UpdateRecord): void {
  const stays = JSON.stringify(before.placement?.joins) === JSON.stringify(after.placement?.joins);
  if (!stays && children.size > 0) throw updateErrors.groupsShared({ uid, children: children.size });
}

async function changeAll(host: EngineHost, container: Container, update: UpdateRecord): Promise<void> {
  const { uid } = container;
  const { before, after } = update;
  await host.records.saveUpdate(uid, update);
  const touched: LiveChange[] = [];
  try {
    await host.launcher.announceBounds(uid, after.cgroups, { besides: before.cgroups });
    for (const change of liveChanges(before, after)) {
      checkLive(container);
      await writeTouching(host, { container, before, touched }, change);
    }
    await host.launcher.announceBounds(uid, after.cgroups);
    await host.records.saveBounds(uid, after, withMark(container.updatedFor, update.askedFor));
  } catch (error) {
    checkNotEnded(container); // its groups are gone, and nothing is left to restore
    const keys = new Set(touched.map(changeKey));
    const undo = liveChanges(after, before).filter((change) => keys.has(changeKey(change)));
    if (!(await takeBack(host, container, { update, undo }))) retryLater(host, container);
    throw error;
  }
  container.updatedFor = withMark(container.updatedFor, update.askedFor);
  reconfigure(host, container, after);
  await forget(host, uid);
}

function reconfigure(host: EngineHost, container: Container, bounds: RecordedBounds): void {
  const { resources, devices, cgroups, disk, placement } = bounds;
  const limit = disk && { diskLimitBytes: disk.limitBytes };
  container.reconfigure({ ...container.config, resources, ...devices?.asked, ...limit });
  if (disk !== undefined) container.diskQuota = disk.quota;
  if (placement === undefined) return;
  container.isolatorNames = placement.isolators;
  container.isolators = host.isolators.filter(({ name }) => placement.isolators.includes(name));
  container.groups = isolatedGroups({ cgroups });
}

/** A knob that was refused holds what it held; one whose write was cut short may hold either. */
async function writeTouching(
  host: EngineHost,
  {
    container,
    before,
    touched,
  }: { readonly container: Container; readonly before: RecordedBounds; readonly touched: LiveChange[] },
  change: LiveChange,
): Promise<void> {
  try {
    await writeChange(host, change, { container, bounds: before });
    touched.push(change);
  } catch (error) {
    if (!isSureToStay(change, error)) touched.push(change);
    throw error;
  }
}

/** @returns whether all is as it was before the update */
async function takeBack(
  host: EngineHost,
  container: Container,
  { update, undo }: { readonly update: UpdateRecord; readonly undo: readonly LiveChange[] },
): Promise<boolean> {
  const { uid } = container;
  const { before, after } = update;
  try {
    for (const change of undo) await writeChange(host, change, { container, bounds: after });
    await host.launcher.announceBounds(uid, before.cgroups);
    await host.records.saveBounds(uid, before, container.updatedFor);
  } catch (error) {
    checkNotEnded(container);
    host.report({ what: 'restoring limits after a refused update', uid, error });
    container.unsettled = update;
    return false;
  }
  container.unsettled = undefined;
  reconfigure(host, container, before);
  await forget(host, uid);
  return true;
}

/** @returns whether the bounds of the container are what its record says */
async function settle(host: EngineHost, container: Container): Promise<boolean> {
  const update = container.unsettled;
  if (update === undefined || container.termination !== undefined) return true;
  const undo = liveChanges(update.after, update.before);
  return whileNobodyJoins(container, () => takeBack(host, container, { update, undo }));
}

function retryLater(host: EngineHost, container: Container): void {
  void host.retries.run({
    what: 'restoring limits after a refused update',
    uid: container.uid,
    attempt: () =>
      afterOthers(container, async () => {
        if (!(await settle(host, container))) throw updateErrors.unsettled({ uid: container.uid });
      }),
  });
}

/** An engine that finds it does the same once more, and nothing comes of it. */
async function forget(host: EngineHost, uid: string): Promise<void> {
  try {
    await host.records.forgetUpdate(uid);
  } catch (error) {
    host.report({ what: 'record of a finished update', uid, error });
  }
}

function isLive({ state }: Container): boolean {
  return state === 'running' || state === 'paused';
}

/** @throws {EngineError} `engine.notRunning` (failed-precondition) */
function checkLive(container: Container): void {
  const { uid, state } = container;
  if (!isLive(container)) throw engineErrors.notRunning({ uid, state, wanted: 'update' });
}

/** One that is being stopped has its groups still. @throws {EngineError} `engine.notRunning` (failed-precondition) */
function checkNotEnded({ uid, state, termination }: Container): void {
  if (termination !== undefined) throw engineErrors.notRunning({ uid, state, wanted: 'update' });
}
