import { basename, dirname } from 'node:path';
import type { Files } from '../../base/effects.ts';
import { systemErrorCode } from '../../model/error.ts';
import { type DeviceLimits, isDeviceNumber } from '../../model/resources.ts';
import type { PreparedFacts } from '../isolator.ts';
import { cgroupsErrors } from './errors.ts';

/** What was found out about a disk. */
interface Disk {
  readonly numbers: string;
  /** Which knob of weights it obeys depends on it; `undefined` when it was not looked up. */
  readonly scheduler: string | undefined;
}

/** @throws {EngineError} `cgroups.deviceUnresolved` (internal) for a path that was not looked up */
export function preparedDisk(prepared: PreparedFacts, device: string): Disk {
  const [numbers, scheduler] = (prepared[device] ?? (isDeviceNumber(device) ? device : '')).split(' ');
  if (numbers === undefined || numbers === '') throw cgroupsErrors.deviceUnresolved({ device });
  return { numbers, scheduler };
}

/**
 * Looks up the numbers and schedulers of the devices that limits name.
 *
 * @returns by device as the caller named it, for `preparedDisk`
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
    prepared[device] = `${found} ${await schedulerOf(files, found)}`;
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

/** The one in brackets of `none [mq-deadline] bfq` (block/elevator.c); a disk without a queue has none. */
async function schedulerOf(files: Files, numbers: string): Promise<string> {
  try {
    const text = await files.readText(`/sys/dev/block/${numbers}/queue/scheduler`);
    return /\[([\w-]+)\]/.exec(text)?.[1] ?? 'none';
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return 'none';
    throw error;
  }
}
