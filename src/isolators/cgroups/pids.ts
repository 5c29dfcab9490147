import type { Files } from '../../base/effects.ts';
import { CGROUP2 } from '../../linux/cgroup2.ts';
import type { Limitation } from '../../model/exit-status.ts';
import type { GroupContribution, IsolatedContainer, Isolator, UpdateInput, UsageValues } from '../isolator.ts';
import { cgroupContribution, controllerVersion, groupReader, presentValues } from './controller.ts';

/** Isolator `cgroups/pids`: a group that counts processes and threads and, when asked, bounds them. */
export function cgroupsPids({ files }: { readonly files: Files }): Isolator {
  const bounds = ({ config, host }: UpdateInput): GroupContribution => {
    controllerVersion(host, 'cgroups/pids', 'pids');
    const { pidsLimit } = config.resources;
    // The one knob and the one name that both versions share (admin-guide/cgroup-v1/pids.rst).
    return cgroupContribution(
      'pids',
      pidsLimit === undefined ? [] : [{ file: CGROUP2.pidsMax, value: `${pidsLimit}` }],
    );
  };
  return {
    name: 'cgroups/pids',
    requires: [],
    appliesTo: (config, host) => config.resources.pidsLimit !== undefined || host.controllers.pids !== undefined,
    plan: bounds,
    update: bounds,
    limitation: (container) => pidsLimitation(files, container),
    usage: (container) => pidsUsage(files, container),
  };
}

async function pidsLimitation(files: Files, container: IsolatedContainer): Promise<Limitation | undefined> {
  const group = groupReader(files, container, 'pids');
  if (group === undefined) return undefined;
  const refused = (await group.read.keyed(CGROUP2.pidsEvents)).get('max') ?? 0;
  if (refused === 0) return undefined;
  const limit = await group.read.bound(CGROUP2.pidsMax);
  const whose = limit === undefined ? "an outer group's limit on processes" : `the limit of ${limit} processes`;
  return {
    isolator: 'cgroups/pids',
    resource: 'pids',
    message: `${whose} was hit: ${refused} times the kernel refused another process`,
  };
}

/** `pids`, `pidsLimit`. */
async function pidsUsage(files: Files, container: IsolatedContainer): Promise<UsageValues> {
  const group = groupReader(files, container, 'pids');
  if (group === undefined) return {};
  return presentValues({
    pids: await group.read.bound(CGROUP2.pidsCurrent),
    pidsLimit: await group.read.bound(CGROUP2.pidsMax),
  });
}
