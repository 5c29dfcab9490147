import type { Files } from '../../base/effects.ts';
import { defineErrors } from '../../model/error.ts';
import type { BindMount, Contribution } from '../../model/launch-plan.ts';
import { type HostDevice, isOwnDevice, nodesOf, preparedDevices, resolveDevices } from '../host-devices.ts';
import type { DeviceUpdate, Isolator } from '../isolator.ts';

export const linuxDevicesErrors = defineErrors('linux/devices', {
  elsewhere: {
    kind: 'invalid-argument',
    message: (d: { hostPath: string; containerPath: string }) =>
      `device ${d.hostPath} is to be seen at ${d.containerPath}, and the container has the host's own /dev`,
    remedy: () => 'give the container a root file system, or leave the container path out',
  },
  hostsOwn: {
    kind: 'failed-precondition',
    message: (d: { paths: readonly string[] }) =>
      `the container has the host's own /dev, so no device comes or goes there: ${d.paths.join(', ')}`,
    remedy: () => 'say by a rule what it may open: --device-cgroup-rule-add, --device-cgroup-rule-rm',
  },
  notLive: {
    kind: 'invalid-argument',
    message: (d: { containerPath: string }) =>
      `device at ${d.containerPath}: while a container runs, devices come and go below its /dev alone`,
    remedy: () => 'name a path below /dev, or run the container anew',
  },
  thereAlready: {
    kind: 'invalid-argument',
    message: (d: { path: string }) =>
      `the container has a device at ${d.path} already, by another one that it was given`,
    remedy: () => 'take that away first, or name another path in the container',
  },
  containersOwn: {
    kind: 'invalid-argument',
    message: (d: { containerPath: string }) => `${d.containerPath} is what every container has of its own, and stays`,
    remedy: () => 'name another path in the container: --device-add /dev/HOST:/dev/OTHER',
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
    requires: [], // and for every container: a device may come later
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
    async update({ devices }) {
      if (devices === undefined) return {};
      checkLive(devices);
      const added = preparedDevices(await resolveDevices(files, devices.added)).map(nodeOf);
      const gone = devices.removed.flatMap(({ containerPath }) => nodesOf(devices.plan, containerPath));
      const kept = (devices.plan.deviceNodes?.value ?? []).filter((node) => !gone.includes(node));
      const twice = added.find(({ path }) => kept.some((node) => node.path === path));
      if (twice !== undefined) throw linuxDevicesErrors.thereAlready({ path: `${DEV}${twice.path}` });
      return { deviceNodes: [...kept, ...added] };
    },
  };
}

/** @throws {EngineError} `linux/devices.hostsOwn` (failed-precondition), `.notLive`, `.containersOwn` (invalid-argument) */
function checkLive({ added, removed, plan }: DeviceUpdate): void {
  const paths = [...added, ...removed].map(({ containerPath }) => containerPath);
  if (paths.length > 0 && plan.rootfs === undefined) throw linuxDevicesErrors.hostsOwn({ paths });
  for (const containerPath of paths) {
    if (!containerPath.startsWith(DEV)) throw linuxDevicesErrors.notLive({ containerPath });
    if (isOwnDevice(containerPath)) throw linuxDevicesErrors.containersOwn({ containerPath });
  }
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
