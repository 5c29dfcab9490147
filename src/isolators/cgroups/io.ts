import type { Files } from '../../base/effects.ts';
import { sumDeviceLines, sumNestedKeyed } from '../../linux/cgroup-values.ts';
import { CGROUP1 } from '../../linux/cgroup1.ts';
import { CGROUP2 } from '../../linux/cgroup2.ts';
import type { IsolatedContainer, Isolator, UsageValues } from '../isolator.ts';
import { resolveBlockDevices } from './block-devices.ts';
import { controllerIsolator } from './controller.ts';
import { groupFiles, groupReader, presentValues } from './group-reader.ts';
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
    brief: {
      subject: 'io',
      files: (container) => groupFiles(container, 'io', usageFiles(container)),
      values: (container, texts) => ioValues(container, texts),
    },
  });
}

async function ioUsage(files: Files, container: IsolatedContainer): Promise<UsageValues> {
  const group = groupReader(files, container, 'io');
  if (group === undefined) return {};
  return ioValues(container, await Promise.all(usageFiles(container).map((file) => group.read.text(file))));
}

function usageFiles({ groups }: IsolatedContainer): readonly string[] {
  return groups.io?.version === 2 ? [CGROUP2.ioStat] : [CGROUP1.ioBytes, CGROUP1.ioOperations];
}

/** `ioReadBytes`, `ioWrittenBytes`, `ioReads`, `ioWrites`: over all devices. */
function ioValues({ groups }: IsolatedContainer, [first = '', operationsText = '']: readonly string[]): UsageValues {
  if (groups.io?.version === 2) {
    const sums = sumNestedKeyed(first);
    return presentValues({
      ioReadBytes: sums.get('rbytes'),
      ioWrittenBytes: sums.get('wbytes'),
      ioReads: sums.get('rios'),
      ioWrites: sums.get('wios'),
    });
  }
  const [bytes, operations] = [sumDeviceLines(first), sumDeviceLines(operationsText)];
  return presentValues({
    ioReadBytes: bytes.get('Read'),
    ioWrittenBytes: bytes.get('Write'),
    ioReads: operations.get('Read'),
    ioWrites: operations.get('Write'),
  });
}
