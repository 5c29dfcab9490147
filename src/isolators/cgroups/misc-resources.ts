import type { Files } from '../../base/effects.ts';
import { CGROUP2 } from '../../linux/cgroup2.ts';
import type { IsolatedContainer, Isolator, UsageValues } from '../isolator.ts';
import { controllerIsolator } from './controller.ts';
import { groupReader } from './group-reader.ts';

/** Isolator `cgroups/misc`: bounds of what a host has few of (`sev`, `sgx_epc`); its files are the same in both versions. */
export function cgroupsMisc({ files }: { readonly files: Files }): Isolator {
  return controllerIsolator({
    name: 'cgroups/misc',
    controller: 'misc',
    accountsIn: [],
    knobs: ({ resources: { misc = [] } }) =>
      misc.map(({ name, limit }) => ({ file: CGROUP2.miscMax, value: `${name} ${limit}`, entry: name })),
    usage: (container) => miscUsage(files, container),
  });
}

/** `misc.<name>` for each resource that the host has, for example `misc.sev`. */
async function miscUsage(files: Files, container: IsolatedContainer): Promise<UsageValues> {
  const group = groupReader(files, container, 'misc');
  if (group === undefined) return {};
  const current = await group.read.keyed(CGROUP2.miscCurrent);
  return Object.fromEntries([...current].map(([name, value]) => [`misc.${name}`, value]));
}
