import type { Files } from '../../base/effects.ts';
import { DEVICE_PROGRAMS } from '../../linux/cgroup-features.ts';
import { type DeviceRule, formatDeviceRule, parseDeviceRule } from '../../model/devices.ts';
import type { HostFacts } from '../../model/host-facts.ts';
import type { Contribution } from '../../model/launch-plan.ts';
import { nodesOf, preparedDevices, resolveDevices } from '../host-devices.ts';
import type { DeviceUpdate, Isolator } from '../isolator.ts';
import { cgroupsErrors } from './errors.ts';

/**
 * What every container may do: make nodes, which nobody can open, and use the devices that programs expect. Docker's
 * list; net/tun is not in it, as a network of its own is not every container's.
 */
const USUAL: readonly DeviceRule[] = [
  'c *:* m',
  'b *:* m',
  'c 1:3 rwm', // null
  'c 1:5 rwm', // zero
  'c 1:7 rwm', // full
  'c 1:8 rwm', // random
  'c 1:9 rwm', // urandom
  'c 5:0 rwm', // tty
  'c 5:1 rwm', // console
  'c 5:2 rwm', // ptmx
  'c 136:* rwm', // pts
].map(parseDeviceRule);

const ALL: readonly DeviceRule[] = [parseDeviceRule('a *:* rwm')];

/**
 * Isolator `cgroups/devices`: whatever nodes a container has or makes, it opens only the usual devices and those that it
 * was given; a privileged one all. v1: the list of a group of its own; v2: a program attached to its group.
 */
export function cgroupsDevices({ files }: { readonly files: Files }): Isolator {
  return {
    name: 'cgroups/devices',
    requires: [],
    appliesTo: ({ deviceRules }, host) => deviceRules.length > 0 || mechanism(host) !== undefined,
    prepare: ({ config }) => resolveDevices(files, config.devices),
    plan({ config, host, prepared }) {
      const how = mechanism(host);
      if (how === undefined)
        throw cgroupsErrors.controllerMissing({ isolator: 'cgroups/devices', controller: 'devices' });
      const given = preparedDevices(prepared).map(({ kind, major, minor, access }) => ({ kind, major, minor, access }));
      const usual = config.security.privileged ? ALL : USUAL;
      const deviceRules = [...usual, ...given, ...config.deviceRules.map(parseDeviceRule)];
      return { deviceRules, ...groupOf(how) };
    },
    // Never by all devices of the config: one that was given may have gone from the host, and its number with it.
    async update({ host, devices }) {
      const group = groupOf(mechanism(host));
      if (devices === undefined) return group;
      const added = preparedDevices(await resolveDevices(files, devices.added));
      const gone = [...rulesOfGiven(devices), ...devices.removedRules.map(parseDeviceRule)];
      const kept = without(devices.plan.deviceRules?.value ?? [], gone);
      const given = added.map(({ kind, major, minor, access }) => ({ kind, major, minor, access }));
      return { ...group, deviceRules: [...kept, ...given, ...devices.addedRules.map(parseDeviceRule)] };
    },
  };
}

/** A list is that of a group of the container's own. */
function groupOf(how: 'list' | 'program' | undefined): Pick<Contribution, 'cgroup'> {
  return how === 'list' ? { cgroup: { controller: 'devices', knobs: [] } } : {};
}

/** The rules that came with devices that go. */
function rulesOfGiven({ removed, plan }: DeviceUpdate): readonly DeviceRule[] {
  return removed.flatMap(({ containerPath, access }) =>
    nodesOf(plan, containerPath).map(({ kind, major, minor }) => ({ kind, major, minor, access })),
  );
}

/** Each takes one like itself with it, the last: what another device or a rule says as well stays. */
function without(rules: readonly DeviceRule[], gone: readonly DeviceRule[]): readonly DeviceRule[] {
  const kept = rules.map((rule) => ({ rule, text: formatDeviceRule(rule) }));
  for (const text of gone.map(formatDeviceRule)) {
    const at = kept.findLastIndex((one) => one.text === text);
    if (at >= 0) kept.splice(at, 1);
  }
  return kept.map(({ rule }) => rule);
}

function mechanism({ controllers, cgroupFeatures }: HostFacts): 'list' | 'program' | undefined {
  if (controllers.devices === 1) return 'list';
  return cgroupFeatures.includes(DEVICE_PROGRAMS) ? 'program' : undefined;
}
