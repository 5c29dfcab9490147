import { checkServed } from '../isolators/select.ts';
import { CGROUP2 } from '../linux/cgroup2.ts';
import { completeResources } from '../model/complete-resources.ts';
import type { ContainerConfig } from '../model/container-config.ts';
import { isErrorOfKind } from '../model/error.ts';
import type { CgroupPlan, NamedContribution } from '../model/launch-plan.ts';
import { changedResources, type ResourceChanges } from '../model/resource-changes.ts';
import { type KnobChange, knobChanges, updatedCgroups } from '../plan/knob-changes.ts';
import { afterOthers } from './changes.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import type { ContainerStatus } from './facade.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import { writeKnob } from './knob-writer.ts';
import type { UpdateRecord } from './record-format.ts';
import { updateErrors } from './update-errors.ts';

/**
 * Changes bounds of a container that runs or is paused: all of them, or after a refusal none. What is to be done is on
 * disk before the first knob is written, so that an engine that follows a killed one finishes it (docs/adr/0045).
 *
 * @throws {EngineError} `update.*`, `engine.notRunning`, `container-request.*`, `isolators.unserved`, what isolators refuse
 */
export function updateContainer(
  host: EngineHost,
  container: Container,
  changes: ResourceChanges,
): Promise<ContainerStatus> {
  return afterOthers(container, async () => {
    checkLive(container);
    if (Object.keys(changes).length === 0) throw updateErrors.nothing({ uid: container.uid });
    if (container.unsettled !== undefined && !(await settle(host, container))) {
      throw updateErrors.unsettled({ uid: container.uid });
    }
    const resources = completeResources(changedResources(container.config.resources, changes));
    const update = await planUpdate(host, container, { ...container.config, resources });
    await carryOut(host, container, update);
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
async function planUpdate(host: EngineHost, container: Container, config: ContainerConfig): Promise<UpdateRecord> {
  const { uid, isolators, isolatorNames, paths } = container;
  checkServed(isolatorNames, { catalog: host.isolators, config, host: host.hostFacts });
  const input = { uid, config, host: host.hostFacts, runtimeDir: paths.runtimeDir };
  const contributions: NamedContribution[] = [];
  for (const { name, update } of isolators) {
    if (update === undefined) continue;
    const step = { what: `update of ${name}`, uid, ms: DEADLINES.hookMs };
    contributions.push({
      isolator: name,
      contribution: await host.operations.within(step, Promise.resolve(update(input))),
    });
  }
  const { cgroups } = await host.records.loadPlan(uid);
  return {
    ...{ schemaVersion: 1, bootId: host.bootId },
    before: { resources: container.config.resources, cgroups },
    after: { resources: config.resources, cgroups: updatedCgroups(cgroups, contributions) },
  };
}

async function carryOut(host: EngineHost, container: Container, update: UpdateRecord): Promise<void> {
  const { uid } = container;
  const { before, after } = update;
  await host.records.saveUpdate(uid, update);
  const touched: KnobChange[] = [];
  try {
    await host.launcher.announceBounds(uid, after.cgroups, { besides: before.cgroups });
    for (const change of knobChanges(before.cgroups, after.cgroups)) {
      checkLive(container);
      await writeTouching(host, { uid, cgroups: before.cgroups, touched }, change);
    }
    await host.launcher.announceBounds(uid, after.cgroups);
    await host.records.saveBounds(uid, after);
  } catch (error) {
    checkNotEnded(container); // its groups are gone, and nothing is left to restore
    const files = new Set(touched.map(keyOf));
    const undo = knobChanges(after.cgroups, before.cgroups).filter((change) => files.has(keyOf(change)));
    if (!(await takeBack(host, container, { update, undo }))) retryLater(host, container);
    throw error;
  }
  container.reconfigure({ ...container.config, resources: after.resources });
  await forget(host, container);
}

/** A knob that was refused holds what it held; one whose write was cut short may hold either. */
async function writeTouching(
  host: EngineHost,
  {
    uid,
    cgroups,
    touched,
  }: { readonly uid: string; readonly cgroups: readonly CgroupPlan[]; readonly touched: KnobChange[] },
  change: KnobChange,
): Promise<void> {
  try {
    await writeKnob(host, change, { uid, memoryHigh: knobValue(cgroups, change.group, CGROUP2.memoryHigh) });
    touched.push(change);
  } catch (error) {
    if (!isErrorOfKind(error, 'failed-precondition')) touched.push(change);
    throw error;
  }
}

/** @returns whether all is as it was before the update */
async function takeBack(
  host: EngineHost,
  container: Container,
  { update, undo }: { readonly update: UpdateRecord; readonly undo: readonly KnobChange[] },
): Promise<boolean> {
  const { uid } = container;
  const { before, after } = update;
  try {
    for (const change of undo) {
      await writeKnob(host, change, { uid, memoryHigh: knobValue(after.cgroups, change.group, CGROUP2.memoryHigh) });
    }
    await host.launcher.announceBounds(uid, before.cgroups);
    await host.records.saveBounds(uid, before);
  } catch (error) {
    checkNotEnded(container);
    host.report({ what: 'restoring limits after a refused update', uid, error });
    container.unsettled = update;
    return false;
  }
  container.unsettled = undefined;
  container.reconfigure({ ...container.config, resources: before.resources });
  await forget(host, container);
  return true;
}

/** @returns whether the bounds of the container are what its record says */
async function settle(host: EngineHost, container: Container): Promise<boolean> {
  const update = container.unsettled;
  if (update === undefined || container.termination !== undefined) return true;
  return takeBack(host, container, { update, undo: knobChanges(update.after.cgroups, update.before.cgroups) });
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

function keyOf({ group, file, entry = '' }: KnobChange): string {
  return `${group} ${file} ${entry}`;
}

function knobValue(cgroups: readonly CgroupPlan[], group: string, file: string): string | undefined {
  return cgroups.find(({ path }) => path === group)?.knobs.find((knob) => knob.file === file)?.value;
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
