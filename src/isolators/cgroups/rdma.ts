import type { Files } from '../../base/effects.ts';
import { sumNestedKeyed } from '../../linux/cgroup-values.ts';
import { CGROUP2 } from '../../linux/cgroup2.ts';
import type { RdmaLimit } from '../../model/resources.ts';
import type { IsolatedContainer, Isolator, UsageValues } from '../isolator.ts';
import { controllerIsolator } from './controller.ts';
import { groupReader, presentValues } from './group-reader.ts';
import { checkSystemDevices } from './system-devices.ts';

/** Isolator `cgroups/rdma`: bounds of handles and objects of RDMA devices; its files are the same in both versions. */
export function cgroupsRdma({ files }: { readonly files: Files }): Isolator {
  return controllerIsolator({
    name: 'cgroups/rdma',
    controller: 'rdma',
    accountsIn: [],
    resolve: async ({ rdma = [] }) => {
      const devices = rdma.map(({ device }) => device);
      await checkSystemDevices(files, { what: 'RDMA devices', directory: '/sys/class/infiniband', names: devices });
      return {};
    },
    knobs: ({ resources: { rdma = [] } }) =>
      rdma.map((limit) => ({ file: CGROUP2.rdmaMax, value: limitLine(limit), entry: limit.device })),
    usage: (container) => rdmaUsage(files, container),
  });
}

function limitLine({ device, handles, objects }: RdmaLimit): string {
  const bounds = [
    ...(handles === undefined ? [] : [`hca_handle=${handles}`]),
    ...(objects === undefined ? [] : [`hca_object=${objects}`]),
  ];
  return [device, ...bounds].join(' ');
}

/** `rdmaHandles`, `rdmaObjects`: over all devices. */
async function rdmaUsage(files: Files, container: IsolatedContainer): Promise<UsageValues> {
  const group = groupReader(files, container, 'rdma');
  if (group === undefined) return {};
  const sums = sumNestedKeyed(await group.read.text(CGROUP2.rdmaCurrent));
  return presentValues({ rdmaHandles: sums.get('hca_handle'), rdmaObjects: sums.get('hca_object') });
}
