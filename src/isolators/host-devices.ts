import { join } from 'node:path';
import type { FileStatus, Files } from '../base/effects.ts';
import type { DeviceMapping, DeviceNode } from '../model/devices.ts';
import { defineErrors, systemErrorCode } from '../model/error.ts';
import type { LaunchPlan } from '../model/launch-plan.ts';
import type { PreparedFacts } from './isolator.ts';

/** A device of the host as it is to be seen in a container. */
export interface HostDevice extends DeviceMapping, Omit<DeviceNode, 'path'> {}

export const hostDeviceErrors = defineErrors('host-devices', {
  noDevice: {
    kind: 'invalid-argument',
    message: (d: { device: string; found: string }) => `device ${d.device} is ${d.found}`,
    remedy: () => 'name a device node of this host, or a directory of them',
  },
  tooMany: {
    kind: 'invalid-argument',
    message: (d: { directory: string; most: number }) => `directory ${d.directory} has more than ${d.most} devices`,
    remedy: () => 'name single devices in it',
  },
});

const DEV = '/dev';
/** What every container has of its own in /dev, and what is no device of the host's. */
const OWN: ReadonlySet<string> = new Set([
  ...['console', 'core', 'fd', 'full', 'mqueue', 'null', 'ptmx', 'pts', 'random', 'shm', 'stderr', 'stdin', 'stdout'],
  ...['tty', 'urandom', 'zero', 'hugepages', '.lxc', '.lxd-mounts', '.udev'],
]);
/** Each takes two steps of a launch, which has a megabyte for all. */
const MOST_OF_HOST = 4096;
const MOST_IN_DIRECTORY = 256;
const DEEPEST = 4;

/**
 * Looks up numbers, mode and owner of what `--device` names; of a directory, of every device in and below it, as Docker
 * takes it.
 *
 * @param which `all`: first all that there is in the host's /dev, of which a named one may be seen elsewhere or replace one
 * @throws {EngineError} `host-devices.noDevice`, `host-devices.tooMany` (invalid-argument)
 */
export async function resolveDevices(
  files: Files,
  devices: readonly DeviceMapping[],
  which: 'named' | 'all' = 'named',
): Promise<PreparedFacts> {
  const found: HostDevice[] = [];
  for (const device of devices) {
    const status = await statusOf(files, device.hostPath);
    if (status.kind === 'directory')
      found.push(...(await devicesBelow(files, device, { depth: DEEPEST, most: MOST_IN_DIRECTORY })));
    else found.push(hostDevice(device, status));
  }
  if (which === 'all') {
    const named = new Set(found.map(({ containerPath }) => containerPath));
    found.push(...(await devicesOfHost(files)).filter(({ containerPath }) => !named.has(containerPath)));
  }
  return { devices: JSON.stringify(found) };
}

/** What {@link resolveDevices} has found. */
export function preparedDevices(prepared: PreparedFacts | undefined): readonly HostDevice[] {
  return JSON.parse(prepared?.devices ?? '[]') as readonly HostDevice[];
}

/** The nodes of a plan that a device at this path of the container has brought: one, or all below it. */
export function nodesOf(
  { deviceNodes }: Pick<LaunchPlan, 'deviceNodes'>,
  containerPath: string,
): readonly DeviceNode[] {
  const name = containerPath.slice(DEV.length + 1);
  return (deviceNodes?.value ?? []).filter(({ path }) => path === name || path.startsWith(`${name}/`));
}

/** Whether every container has this of its own, at a path of the container below /dev. */
export function isOwnDevice(containerPath: string): boolean {
  return OWN.has(containerPath.split('/')[2] ?? '');
}

/** A link is followed: /dev/disk/by-id is full of them. */
async function statusOf(files: Files, device: string): Promise<FileStatus> {
  try {
    return await files.status(await files.realPath(device));
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR', 'ELOOP'].includes(systemErrorCode(error) ?? '')) throw error;
    throw hostDeviceErrors.noDevice({ device, found: 'not there' }, error);
  }
}

function hostDevice(device: DeviceMapping, { kind, node, mode, uid, gid }: FileStatus): HostDevice {
  if (node === undefined) throw hostDeviceErrors.noDevice({ device: device.hostPath, found: `a ${kind}, no device` });
  return { ...device, kind: node.kind, major: node.major, minor: node.minor, mode: mode & 0o777, uid, gid };
}

/** What the container has of its own is not looked for. */
async function devicesOfHost(files: Files): Promise<readonly HostDevice[]> {
  const found: HostDevice[] = [];
  for (const name of (await files.list(DEV)).filter((one) => !OWN.has(one)).sort()) {
    const path = join(DEV, name);
    const device = { hostPath: path, containerPath: path, access: 'rwm' };
    found.push(...(await devicesAt(files, device, { depth: DEEPEST, most: MOST_OF_HOST })));
    if (found.length > MOST_OF_HOST) throw hostDeviceErrors.tooMany({ directory: DEV, most: MOST_OF_HOST });
  }
  return found;
}

interface Bounds {
  readonly depth: number;
  readonly most: number;
}

async function devicesBelow(files: Files, directory: DeviceMapping, bounds: Bounds): Promise<readonly HostDevice[]> {
  const found: HostDevice[] = [];
  const { depth, most } = bounds;
  for (const name of [...(await files.list(directory.hostPath))].sort()) {
    const device = {
      hostPath: join(directory.hostPath, name),
      containerPath: join(directory.containerPath, name),
      access: directory.access,
    };
    found.push(...(await devicesAt(files, device, { depth: depth - 1, most })));
    if (found.length > most) throw hostDeviceErrors.tooMany({ directory: directory.hostPath, most });
  }
  return found;
}

/** The device, or those below the directory; nothing of anything else, and of what has gone since it was listed. */
async function devicesAt(files: Files, device: DeviceMapping, bounds: Bounds): Promise<readonly HostDevice[]> {
  try {
    const status = await files.status(device.hostPath);
    if (status.node !== undefined) return [hostDevice(device, status)];
    return status.kind === 'directory' && bounds.depth >= 0 ? await devicesBelow(files, device, bounds) : [];
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    return [];
  }
}
