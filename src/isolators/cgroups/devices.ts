import type { Files } from '../../base/effects.ts';
import { DEVICE_PROGRAMS } from '../../linux/cgroup-features.ts';
import { type DeviceRule, parseDeviceRule } from '../../model/devices.ts';
import type { HostFacts } from '../../model/host-facts.ts';
import { preparedDevices, resolveDevices } from '../host-devices.ts';
import type { Isolator } from '../isolator.ts';
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
      return how === 'list' ? { deviceRules, cgroup: { controller: 'devices', knobs: [] } } : { deviceRules };
    },
  };
}

function mechanism({ controllers, cgroupFeatures }: HostFacts): 'list' | 'program' | undefined {
  if (controllers.devices === 1) return 'list';
  return cgroupFeatures.includes(DEVICE_PROGRAMS) ? 'program' : undefined;
}
