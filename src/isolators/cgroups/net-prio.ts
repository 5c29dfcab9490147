import type { Files } from '../../base/effects.ts';
import { CGROUP1 } from '../../linux/cgroup1.ts';
import type { Isolator } from '../isolator.ts';
import { controllerIsolator } from './controller.ts';
import { checkSystemDevices } from './system-devices.ts';

/** Isolator `cgroups/net_prio`: priority of what is sent on each interface of the host; v1 has it, v2 has not. */
export function cgroupsNetPrio({ files }: { readonly files: Files }): Isolator {
  return controllerIsolator({
    name: 'cgroups/net_prio',
    controller: 'net_prio',
    accountsIn: [],
    resolve: async ({ networkPriorities = [] }) => {
      const names = networkPriorities.map(({ networkInterface }) => networkInterface);
      await checkSystemDevices(files, { what: 'network interfaces', directory: '/sys/class/net', names });
      return {};
    },
    knobs: ({ resources: { networkPriorities = [] } }) =>
      networkPriorities.map(({ networkInterface: entry, priority }) => ({
        file: CGROUP1.networkPriorities,
        value: `${entry} ${priority}`,
        entry,
      })),
  });
}
