import type { ContainerConfig } from './container-config.ts';
import { checkDeviceRules, type DeviceMapping, formatDeviceRule, parseDeviceRule, parseDevices } from './devices.ts';
import { defineErrors } from './error.ts';

/** What an update does to the devices of a container; a missing field changes nothing. */
export interface DeviceChanges {
  readonly add?: readonly DeviceMapping[] | undefined;
  /** Container paths of devices that it was given. */
  readonly remove?: readonly string[] | undefined;
  readonly addRules?: readonly string[] | undefined;
  /** Rules that it was given. */
  readonly removeRules?: readonly string[] | undefined;
}

/** The devices that a container was asked to have. */
export type AskedDevices = Pick<ContainerConfig, 'devices' | 'deviceRules'>;

/** What comes and what goes, as it was asked for. */
export interface DeviceDifference {
  readonly added: readonly DeviceMapping[];
  readonly removed: readonly DeviceMapping[];
  readonly addedRules: readonly string[];
  readonly removedRules: readonly string[];
}

export const deviceChangeErrors = defineErrors('device-changes', {
  noDevice: {
    kind: 'invalid-argument',
    message: (d: { path: string; given: readonly string[] }) =>
      `the container was given no device at ${d.path}; it was given ${d.given.join(', ') || 'none'}`,
    remedy: () => 'name it by its path in the container, as in isopod inspect',
  },
  noRule: {
    kind: 'invalid-argument',
    message: (d: { rule: string; given: readonly string[] }) =>
      `the container was given no device rule "${d.rule}"; it was given ${d.given.join(', ') || 'none'}`,
    remedy: () => 'name it as it was given, as in isopod inspect',
  },
});

export function isNoDeviceChange({ add, remove, addRules, removeRules }: DeviceChanges): boolean {
  return [add, remove, addRules, removeRules].every((list) => list === undefined || list.length === 0);
}

/**
 * What was asked for, after the changes: what is removed goes first, so that a device can be given anew with other access.
 * A rule that is there already is not there twice.
 *
 * @throws {EngineError} `device-changes.*`, `devices.*`, `text.*` (invalid-argument)
 */
export function changedDevices(
  asked: AskedDevices,
  changes: DeviceChanges,
): { readonly after: AskedDevices; readonly difference: DeviceDifference } {
  const { add = [], remove = [], addRules = [], removeRules = [] } = changes;
  checkDeviceRules([...addRules, ...removeRules]);
  const removed = remove.map((path) => {
    const found = asked.devices.find(({ containerPath }) => containerPath === path);
    if (found !== undefined) return found;
    throw deviceChangeErrors.noDevice({ path, given: asked.devices.map(({ containerPath }) => containerPath) });
  });
  for (const rule of removeRules) {
    if (!has(asked.deviceRules, rule)) throw deviceChangeErrors.noRule({ rule, given: asked.deviceRules });
  }
  const kept = asked.deviceRules.filter((rule) => !has(removeRules, rule));
  const addedRules = addRules.filter((rule, index) => !has(kept, rule) && !has(addRules.slice(0, index), rule));
  const after = {
    devices: parseDevices([...asked.devices.filter((device) => !removed.includes(device)), ...add]),
    deviceRules: [...kept, ...addedRules],
  };
  checkDeviceRules(after.deviceRules);
  const removedRules = asked.deviceRules.filter((rule) => has(removeRules, rule));
  return { after, difference: { added: parseDevices(add), removed, addedRules, removedRules } };
}

function has(rules: readonly string[], rule: string): boolean {
  const normal = formatDeviceRule(parseDeviceRule(rule));
  return rules.some((one) => formatDeviceRule(parseDeviceRule(one)) === normal);
}
