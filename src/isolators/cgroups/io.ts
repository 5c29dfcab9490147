import type { Files } from '../../base/effects.ts';
import { sumDeviceLines, sumNestedKeyed } from '../../linux/cgroup-values.ts';
import { CGROUP1 } from '../../linux/cgroup1.ts';
import { CGROUP2 } from '../../linux/cgroup2.ts';
import type { IsolatedContainer, Isolator, UsageValues } from '../isolator.ts';
import { resolveBlockDevices } from './block-devices.ts';
import { controllerIsolator } from './controller.ts';
import { groupReader, presentValues } from './group-reader.ts';
import { ioKnobs } from './io-knobs.ts';

/**
 * Isolator `cgroups/io`: weight and, by device, bytes and operations a second. In v2 every container's use of disks is
 * counted; in v1, where that costs another group, only when a limit or this isolator was asked for.
 */
export function cgroupsIo({ files }: { readonly files: Files }): Isolator {
  return controllerIsolator({
    name: 'cgroups/io',
    controller: 'io',
    accountsIn: [2],
    resolve: ({ ioDevices }) => resolveBlockDevices(files, ioDevices ?? []),
    knobs: ioKnobs,
    usage: (container) => ioUsage(files, container),
  });
}

/** `ioReadBytes`, `ioWrittenBytes`, `ioReads`, `ioWrites`: over all devices. */
async function ioUsage(files: Files, container: IsolatedContainer): Promise<UsageValues> {
  const group = groupReader(files, container, 'io');
  if (group === undefined) return {};
  if (group.version === 2) {
    const sums = sumNestedKeyed(await group.read.text(CGROUP2.ioStat));
    return presentValues({
      ioReadBytes: sums.get('rbytes'),
      ioWrittenBytes: sums.get('wbytes'),
      ioReads: sums.get('rios'),
      ioWrites: sums.get('wios'),
    });
  }
  const [bytes, operations] = (
    await Promise.all([group.read.text(CGROUP1.ioBytes), group.read.text(CGROUP1.ioOperations)])
  ).map(sumDeviceLines);
  return presentValues({
    ioReadBytes: bytes?.get('Read'),
    ioWrittenBytes: bytes?.get('Write'),
    ioReads: operations?.get('Read'),
    ioWrites: operations?.get('Write'),
  });
}
