import type { DeviceLimits, HugePageLimit } from '../../model/resources.ts';
import { cliErrors } from './errors.ts';
import { parseBytes, parseCount } from './values.ts';

/** Options that limit disks, each `PATH:VALUE`. */
export interface DeviceOptions {
  readonly blkioWeightDevice?: readonly string[];
  readonly deviceReadBps?: readonly string[];
  readonly deviceWriteBps?: readonly string[];
  readonly deviceReadIops?: readonly string[];
  readonly deviceWriteIops?: readonly string[];
}

type Rate = Exclude<keyof DeviceLimits, 'device'>;

/**
 * What several options say of one disk, put together.
 *
 * @throws {EngineError} `cli.badValue`, `cli.deviceTwice` (invalid-argument)
 */
export function deviceLimitsOf(options: DeviceOptions): readonly DeviceLimits[] {
  const byDevice = new Map<string, { device: string } & { [Name in Rate]?: number }>();
  const add = (
    option: string,
    entries: readonly string[] | undefined,
    name: Rate,
    parse: (option: string, value: string) => number,
  ): void => {
    for (const entry of entries ?? []) {
      const [device, value] = splitLast(option, entry);
      const limits = byDevice.get(device) ?? { device };
      if (limits[name] !== undefined) throw cliErrors.deviceTwice({ option, device });
      limits[name] = parse(option, value);
      byDevice.set(device, limits);
    }
  };
  add('--blkio-weight-device', options.blkioWeightDevice, 'blkioWeight', parseCount);
  add('--device-read-bps', options.deviceReadBps, 'readBytesPerSecond', parseBytes);
  add('--device-write-bps', options.deviceWriteBps, 'writeBytesPerSecond', parseBytes);
  add('--device-read-iops', options.deviceReadIops, 'readOperationsPerSecond', parseCount);
  add('--device-write-iops', options.deviceWriteIops, 'writeOperationsPerSecond', parseCount);
  return [...byDevice.values()];
}

/** `2MB:64m`. @throws {EngineError} `cli.badValue` */
export function parseHugePages(value: string): HugePageLimit {
  const [pageSize, bytes] = splitLast('--hugetlb', value);
  return { pageSize, limitBytes: bytes === '0' ? 0 : parseBytes('--hugetlb', bytes) };
}

/** At the last colon: a disk may be named by its numbers, `8:0:1m`. */
function splitLast(option: string, value: string): readonly [string, string] {
  const at = value.lastIndexOf(':');
  if (at < 1 || at === value.length - 1) {
    const wanted = option === '--hugetlb' ? 'SIZE:BYTES such as 2MB:64m' : 'PATH:VALUE such as /dev/sda:100';
    throw cliErrors.badValue({ option, value, wanted });
  }
  return [value.slice(0, at), value.slice(at + 1)];
}
