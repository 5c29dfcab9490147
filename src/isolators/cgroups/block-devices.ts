import { basename, dirname } from 'node:path';
import type { Files } from '../../base/effects.ts';
import { systemErrorCode } from '../../model/error.ts';
import { type DeviceLimits, isDeviceNumber } from '../../model/resources.ts';
import type { PreparedFacts } from '../isolator.ts';
import { cgroupsErrors } from './errors.ts';

/**
 * Looks up the numbers of the devices that limits name.
 *
 * @returns `8:0` by device as the caller named it
 * @throws {EngineError} `cgroups.noBlockDevice`, `cgroups.partition`, `cgroups.deviceTwice` (invalid-argument)
 */
export async function resolveBlockDevices(files: Files, limits: readonly DeviceLimits[]): Promise<PreparedFacts> {
  const numbers = await Promise.all(limits.map(({ device }) => numbersOf(files, device)));
  const prepared: Record<string, string> = {};
  const first = new Map<string, string>();
  for (const [index, { device }] of limits.entries()) {
    const found = numbers[index] ?? '';
    const other = first.get(found);
    if (other !== undefined) throw cgroupsErrors.deviceTwice({ first: other, second: device, numbers: found });
    first.set(found, device);
    prepared[device] = found;
  }
  return prepared;
}

async function numbersOf(files: Files, device: string): Promise<string> {
  const numbers = isDeviceNumber(device) ? device : await nodeNumbers(files, device);
  const system = `/sys/dev/block/${numbers}`;
  if (!(await files.exists(system))) throw cgroupsErrors.noBlockDevice({ device, found: 'of no disk of this host' });
  if (await files.exists(`${system}/partition`)) {
    const disk = basename(dirname(await files.realPath(system)));
    throw cgroupsErrors.partition({ device, disk });
  }
  return numbers;
}

async function nodeNumbers(files: Files, device: string): Promise<string> {
  try {
    const { kind, node } = await files.status(await files.realPath(device));
    if (node?.kind === 'block') return `${node.major}:${node.minor}`;
    throw cgroupsErrors.noBlockDevice({ device, found: node === undefined ? `a ${kind}` : 'a character device' });
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) throw error;
    throw cgroupsErrors.noBlockDevice({ device, found: 'not there' }, error);
  }
}
