import { join } from 'node:path';
import type { FileStatus, Files } from '../base/effects.ts';
import type { DeviceMapping, DeviceNode } from '../model/devices.ts';
import { defineErrors, systemErrorCode } from '../model/error.ts';
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

const MOST_IN_DIRECTORY = 256;
const DEEPEST = 4;

/**
 * Looks up numbers, mode and owner of what `--device` names; of a directory, of every device in and below it, as Docker
 * takes it.
 *
 * @throws {EngineError} `host-devices.noDevice`, `host-devices.tooMany` (invalid-argument)
 */
export async function resolveDevices(files: Files, devices: readonly DeviceMapping[]): Promise<PreparedFacts> {
  const found: HostDevice[] = [];
  for (const device of devices) {
    const status = await statusOf(files, device.hostPath);
    if (status.kind === 'directory') found.push(...(await devicesBelow(files, device, DEEPEST)));
    else found.push(hostDevice(device, status));
  }
  return { devices: JSON.stringify(found) };
}

/** What {@link resolveDevices} has found. */
export function preparedDevices(prepared: PreparedFacts | undefined): readonly HostDevice[] {
  return JSON.parse(prepared?.devices ?? '[]') as readonly HostDevice[];
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

async function devicesBelow(files: Files, directory: DeviceMapping, depth: number): Promise<readonly HostDevice[]> {
  const found: HostDevice[] = [];
  for (const name of [...(await files.list(directory.hostPath))].sort()) {
    const device = {
      hostPath: join(directory.hostPath, name),
      containerPath: join(directory.containerPath, name),
      access: directory.access,
    };
    const status = await files.status(device.hostPath);
    if (status.node !== undefined) found.push(hostDevice(device, status));
    else if (status.kind === 'directory' && depth > 0) found.push(...(await devicesBelow(files, device, depth - 1)));
    if (found.length > MOST_IN_DIRECTORY) {
      throw hostDeviceErrors.tooMany({ directory: directory.hostPath, most: MOST_IN_DIRECTORY });
    }
  }
  return found;
}
