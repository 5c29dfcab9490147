import { checkServed } from '../isolators/select.ts';
import { completeResources } from '../model/complete-resources.ts';
import type { ContainerConfig } from '../model/container-config.ts';
import { changedDevices, type DeviceChanges, isNoDeviceChange } from '../model/device-changes.ts';
import type { NamedContribution } from '../model/launch-plan.ts';
import { changedResources, type ResourceChanges } from '../model/resource-changes.ts';
import type { PlannedDevices } from '../plan/device-changes.ts';
import { updatedCgroups } from '../plan/knob-changes.ts';
import { oneWriter } from '../plan/merge.ts';
import { afterOthers } from './changes.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import type { ContainerStatus } from './facade.ts';
import type { EngineHost } from './host.ts';
import { changeKey, isSureToStay, type LiveChange, liveChanges, writeChange } from './live-change.ts';
import type { RecordedBounds, UpdateRecord } from './record-format.ts';
import { updateErrors } from './update-errors.ts';

/** What an update asks for. */
export interface UpdateRequest {
  readonly resources: ResourceChanges;
  readonly devices: DeviceChanges;
}

/**
 * Changes bounds and devices of a container that runs or is paused: all of them, or after a refusal none. What is to be done is on
 * disk before the first knob is written, so that an engine that follows a killed one finishes it (docs/adr/0045).
 *
 * @throws {EngineError} `update.*`, `engine.notRunning`, `container-request.*`, `isolators.unserved`, what isolators refuse
 */
export function updateContainer(
  host: EngineHost,
  container: Container,
  request: UpdateRequest,
): Promise<ContainerStatus> {
  return afterOthers(container, async () => {
    checkLive(container);
    if (Object.keys(request.resources).length === 0 && isNoDeviceChange(request.devices)) {
      throw updateErrors.nothing({ uid: container.uid });
    }
    if (container.unsettled !== undefined && !(await settle(host, container))) {
      throw updateErrors.unsettled({ uid: container.uid });
    }
    await carryOut(host, container, await planUpdate(host, container, request));
    host.limits.begin(container);
    host.events.emit({ uid: container.uid, kind: 'updated', atMs: host.effects.clock.nowMs() });
    return container.status();
  });
}

/**
 * Finishes the update that a killed engine has left, and takes it back where the kernel refuses: then nobody was told
 * that it was done. Never rejects.
 */
export async function resumeUpdate(host: EngineHost, container: Container): Promise<void> {
  const { uid } = container;
  const found = await host.records.loadUpdate(uid);
  if (found.kind === 'damaged') host.report({ what: `damaged ${found.file}`, uid, error: found.error });
  if (found.kind !== 'present') return;
  if (found.value.bootId !== host.bootId) return; // its groups went with that boot
  try {
    await carryOut(host, container, found.value);
  } catch (error) {
    host.report({ what: 'finishing an update of an earlier engine', uid, error });
  }
}

/** Asks the isolators again. Nothing is touched yet. */
async function planUpdate(host: EngineHost, container: Container, request: UpdateRequest): Promise<UpdateRecord> {
  const { uid, isolators, isolatorNames, paths, config: old } = container;
  const resources = completeResources(changedResources(old.resources, request.resources));
  const devices = isNoDeviceChange(request.devices) ? undefined : changedDevices(old, request.devices);
  const config: ContainerConfig = { ...old, resources, ...devices?.after };
  checkServed(isolatorNames, { catalog: host.isolators, config, host: host.hostFacts });
  const plan = await host.records.loadPlan(uid);
  const input = {
    ...{ uid, config, host: host.hostFacts, runtimeDir: paths.runtimeDir },
    ...(devices === undefined ? {} : { devices: { ...devices.difference, plan } }),
  };
  const contributions: NamedContribution[] = [];
  for (const { name, update } of isolators) {
    if (update !== undefined) contributions.push({ isolator: name, contribution: await update(input) });
  }
  const { devices: asked, deviceRules } = old;
  return {
    ...{ schemaVersion: 1, bootId: host.bootId },
    before: {
      ...{ resources: old.resources, cgroups: plan.cgroups },
      ...(devices && { devices: { asked: { devices: asked, deviceRules }, planned: plannedOf(plan) } }),
    },
    after: {
      ...{ resources, cgroups: updatedCgroups(plan.cgroups, contributions) },
      ...(devices && { devices: { asked: devices.after, planned: plannedAfter(plan, contributions) } }),
    },
  };
}

function plannedOf({ deviceRules, deviceNodes }: PlannedDevices): PlannedDevices {
  return { ...(deviceRules && { deviceRules }), ...(deviceNodes && { deviceNodes }) };
}

/** What nobody was asked about stays. */
function plannedAfter(plan: PlannedDevices, contributions: readonly NamedContribution[]): PlannedDevices {
  const deviceRules = oneWriter(contributions, 'deviceRules');
  const deviceNodes = oneWriter(contributions, 'deviceNodes');
  const planned = { ...plannedOf(plan), ...(deviceRules && { deviceRules }), ...(deviceNodes && { deviceNodes }) };
  if (planned.deviceNodes?.value.length !== 0) return planned;
  const { deviceNodes: _none, ...others } = planned;
  return others;
}

async function carryOut(host: EngineHost, container: Container, update: UpdateRecord): Promise<void> {
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
    await host.records.saveBounds(uid, after);
  } catch (error) {
    checkNotEnded(container); // its groups are gone, and nothing is left to restore
    const keys = new Set(touched.map(changeKey));
    const undo = liveChanges(after, before).filter((change) => keys.has(changeKey(change)));
    if (!(await takeBack(host, container, { update, undo }))) retryLater(host, container);
    throw error;
  }
  reconfigure(container, after);
  await forget(host, container);
}

function reconfigure(container: Container, { resources, devices }: RecordedBounds): void {
  container.reconfigure({ ...container.config, resources, ...devices?.asked });
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
    await host.records.saveBounds(uid, before);
  } catch (error) {
    checkNotEnded(container);
    host.report({ what: 'restoring limits after a refused update', uid, error });
    container.unsettled = update;
    return false;
  }
  container.unsettled = undefined;
  reconfigure(container, before);
  await forget(host, container);
  return true;
}

/** @returns whether the bounds of the container are what its record says */
async function settle(host: EngineHost, container: Container): Promise<boolean> {
  const update = container.unsettled;
  if (update === undefined || container.termination !== undefined) return true;
  return takeBack(host, container, { update, undo: liveChanges(update.after, update.before) });
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
async function forget(host: EngineHost, container: Container): Promise<void> {
  try {
    await host.records.forgetUpdate(container.uid);
  } catch (error) {
    host.report({ what: 'record of a finished update', uid: container.uid, error });
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
