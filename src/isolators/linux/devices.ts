import type { Files } from '../../base/effects.ts';
import { defineErrors } from '../../model/error.ts';
import type { BindMount, Contribution } from '../../model/launch-plan.ts';
import { type HostDevice, preparedDevices, resolveDevices } from '../host-devices.ts';
import type { Isolator } from '../isolator.ts';

export const linuxDevicesErrors = defineErrors('linux/devices', {
  elsewhere: {
    kind: 'invalid-argument',
    message: (d: { hostPath: string; containerPath: string }) =>
      `device ${d.hostPath} is to be seen at ${d.containerPath}, and the container has the host's own /dev`,
    remedy: () => 'give the container a root file system, or leave the container path out',
  },
});

const DEV = '/dev/';

/**
 * Isolator `linux/devices`: devices of the host in the container, in its own /dev as nodes with the mode and the owner
 * that they have on the host, elsewhere as binds; in a privileged one all that the host has. What it may do with them is the work of `cgroups/devices`.
 */
export function linuxDevices({ files }: { readonly files: Files }): Isolator {
  return {
    name: 'linux/devices',
    requires: [],
    appliesTo: ({ devices, security }) => devices.length > 0 || security.privileged === true,
    prepare: ({ config }) => resolveDevices(files, config.devices, config.security.privileged ? 'all' : 'named'),
    plan({ rootfs, prepared }): Contribution {
      const devices = preparedDevices(prepared);
      if (devices.length === 0) return {};
      if (rootfs === undefined) return onHostTree(devices);
      const inDev = devices.filter(({ containerPath }) => containerPath.startsWith(DEV));
      const elsewhere = devices.filter(({ containerPath }) => !containerPath.startsWith(DEV));
      return {
        ...(inDev.length > 0 && { deviceNodes: inDev.map(nodeOf) }),
        ...(elsewhere.length > 0 && { mounts: elsewhere.map(bindOf) }),
      };
    },
  };
}

/** They are there already. */
function onHostTree(devices: readonly HostDevice[]): Contribution {
  for (const { hostPath, containerPath } of devices) {
    if (hostPath !== containerPath) throw linuxDevicesErrors.elsewhere({ hostPath, containerPath });
  }
  return {};
}

function nodeOf({ containerPath, kind, major, minor, mode, uid, gid }: HostDevice) {
  return { path: containerPath.slice(DEV.length), kind, major, minor, mode, uid, gid };
}

function bindOf({ hostPath, containerPath }: HostDevice): BindMount {
  const attributes = ['nosuid', 'noexec'] as const;
  return { kind: 'bind', source: hostPath, target: containerPath, attributes, recursive: false, create: 'file' };
}
