import type { Isolator } from '../isolators/isolator.ts';
import { lateIsolators } from '../isolators/late.ts';
import { checkServed } from '../isolators/select.ts';
import { checkDiskLimit } from '../model/check-request.ts';
import { completeResources } from '../model/complete-resources.ts';
import type { ContainerConfig } from '../model/container-config.ts';
import { changedDevices, type DeviceChanges, isNoDeviceChange } from '../model/device-changes.ts';
import type { LaunchPlan, NamedContribution } from '../model/launch-plan.ts';
import { checkSharedGroups } from '../model/nesting.ts';
import { changedResources, type ResourceChanges } from '../model/resource-changes.ts';
import type { PlannedDevices } from '../plan/device-changes.ts';
import { updatedCgroups } from '../plan/knob-changes.ts';
import { withMoreGroups } from '../plan/late-groups.ts';
import { oneWriter, wantedControllers } from '../plan/merge.ts';
import type { Container } from './container.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import type { UpdateRecord } from './record-format.ts';
import { updateErrors } from './update-errors.ts';

/** What an update asks for. */
export interface UpdateRequest {
  readonly resources: ResourceChanges;
  readonly devices: DeviceChanges;
  readonly diskLimitBytes?: number | undefined;
  readonly requestKey?: string | undefined;
}

/** What the container is to be, and who has a part in that from now on. */
export interface WantedUpdate {
  readonly config: ContainerConfig;
  readonly devices: ReturnType<typeof changedDevices> | undefined;
  /** For limits of a kind that it had none of. */
  readonly late: readonly Isolator[];
}

/** @throws {EngineError} `update.noDiskLimit`, `nesting.sharedLimit`, `container-request.*`, `device-changes.*`, `late-isolators.listed`, `isolators.*` */
export function wantedUpdate(host: EngineHost, container: Container, request: UpdateRequest): WantedUpdate {
  const { config: old, isolatorNames } = container;
  const { isolators: catalog, permittedIsolators: permitted, hostFacts } = host;
  const resources = completeResources(changedResources(old.resources, request.resources));
  checkSharedGroups({ shareCgroups: old.shareCgroups, resources });
  const devices = isNoDeviceChange(request.devices) ? undefined : changedDevices(old, request.devices);
  const { diskLimitBytes } = request;
  if (diskLimitBytes !== undefined) checkDiskLimit(diskLimitBytes);
  if (diskLimitBytes !== undefined && old.diskLimitBytes === undefined) {
    throw updateErrors.noDiskLimit({ uid: container.uid, limitBytes: diskLimitBytes });
  }
  const disk = diskLimitBytes === undefined ? {} : { diskLimitBytes };
  const config: ContainerConfig = { ...old, resources, ...devices?.after, ...disk };
  const late = lateIsolators({ catalog, permitted, config, host: hostFacts }, isolatorNames);
  checkServed([...isolatorNames, ...late.map(({ name }) => name)], { catalog, config, host: hostFacts });
  return { config, devices, late };
}

/**
 * Asks the isolators again. Nothing is touched yet.
 *
 * @throws {EngineError} what an isolator refuses, `plan.*`, `launcher.controllerMissing`
 */
export async function planUpdate(
  host: EngineHost,
  container: Container,
  { config, devices, late }: WantedUpdate,
): Promise<UpdateRecord> {
  const { uid, isolators, isolatorNames, paths, config: old } = container;
  const plan = await host.records.loadPlan(uid);
  const input = {
    ...{ uid, config, host: host.hostFacts, runtimeDir: paths.runtimeDir },
    ...(devices === undefined ? {} : { devices: { ...devices.difference, plan } }),
    ...(plan.diskQuota === undefined || config.diskLimitBytes === old.diskLimitBytes
      ? {}
      : { diskQuota: plan.diskQuota }),
  };
  const contributions: NamedContribution[] = [];
  for (const isolator of host.isolators) {
    if (isolator.update === undefined || !(isolators.includes(isolator) || late.includes(isolator))) continue;
    const step = { what: `update of ${isolator.name}`, uid, ms: DEADLINES.hookMs };
    const asked = Promise.resolve(isolator.update(input));
    contributions.push({ isolator: isolator.name, contribution: await host.operations.within(step, asked) });
  }
  const groups = late.length === 0 ? undefined : await moreGroups(host, plan, { container, late, contributions });
  const disk = changedDisk(plan, { old, config, contributions });
  const { devices: asked, deviceRules } = old;
  const names = [...isolatorNames, ...late.map(({ name }) => name)];
  return {
    ...{ schemaVersion: 1, bootId: host.bootId },
    before: {
      ...{ resources: old.resources, cgroups: plan.cgroups },
      ...(devices && { devices: { asked: { devices: asked, deviceRules }, planned: plannedOf(plan) } }),
      ...(disk && { disk: disk.before }),
      ...(groups && { placement: { isolators: isolatorNames, joins: groups.before.cgroupJoins } }),
    },
    after: {
      resources: config.resources,
      cgroups: updatedCgroups(groups?.after.cgroups ?? plan.cgroups, contributions),
      ...(devices && { devices: { asked: devices.after, planned: plannedAfter(plan, contributions) } }),
      ...(disk && { disk: disk.after }),
      ...(groups && { placement: { isolators: names, joins: groups.after.cgroupJoins } }),
    },
  };
}

async function moreGroups(
  host: EngineHost,
  plan: LaunchPlan,
  {
    container: { uid, parent },
    late,
    contributions,
  }: {
    readonly container: Container;
    readonly late: readonly Isolator[];
    readonly contributions: readonly NamedContribution[];
  },
) {
  const names = late.map(({ name }) => name);
  const controllers = wantedControllers(contributions.filter(({ isolator }) => names.includes(isolator)));
  const around = parent === undefined ? [] : (await host.records.loadPlan(parent.uid)).cgroupJoins;
  const placed = (names: readonly string[]) => host.launcher.placement(uid, names, around);
  return withMoreGroups(plan, { wanted: placed(controllers), shared: placed([]) });
}

/** Both sides of a disk limit that becomes another. */
function changedDisk(
  { diskQuota }: LaunchPlan,
  {
    old,
    config,
    contributions,
  }: {
    readonly old: ContainerConfig;
    readonly config: ContainerConfig;
    readonly contributions: readonly NamedContribution[];
  },
) {
  const wanted = oneWriter(contributions, 'diskQuota');
  const [before, after] = [old.diskLimitBytes, config.diskLimitBytes];
  if (wanted === undefined || diskQuota === undefined || before === undefined || after === undefined) return undefined;
  return {
    before: { limitBytes: before, quota: diskQuota },
    after: { limitBytes: after, quota: { ...wanted.value, by: wanted.by } },
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
