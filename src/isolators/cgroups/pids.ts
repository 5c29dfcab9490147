import type { Files } from '../../base/effects.ts';
import { parseBound } from '../../linux/cgroup-values.ts';
import { CGROUP2 } from '../../linux/cgroup2.ts';
import type { Limitation } from '../../model/exit-status.ts';
import type { IsolatedContainer, Isolator, LimitWatch, UsageValues } from '../isolator.ts';
import { controllerIsolator, whenAsked } from './controller.ts';
import { groupFiles, groupReader, presentValues } from './group-reader.ts';

/** Isolator `cgroups/pids`: a group that counts processes and threads and, when asked, bounds them. */
export function cgroupsPids({ files }: { readonly files: Files }): Isolator {
  return controllerIsolator({
    name: 'cgroups/pids',
    controller: 'pids',
    accountsIn: [1, 2],
    // The one controller whose files are the same in both versions (admin-guide/cgroup-v1/pids.rst).
    knobs: ({ resources }) => whenAsked(resources.pidsLimit, (limit) => ({ file: CGROUP2.pidsMax, value: `${limit}` })),
    watch: watchForRefusals,
    limitation: (container) => pidsLimitation(files, container),
    usage: (container) => pidsUsage(files, container),
    brief: {
      subject: 'processes',
      files: (container) => groupFiles(container, 'pids', [CGROUP2.pidsCurrent]),
      values: ({ groups, config }, [current = '']) =>
        groups.pids === undefined
          ? {}
          : presentValues({ pids: parseBound(current), pidsLimit: config.resources.pidsLimit }),
    },
  });
}

/** Where nothing is bounded only an outer group can refuse, and that is told with the end. */
function watchForRefusals({ config, groups }: IsolatedContainer): LimitWatch | undefined {
  if (groups.pids === undefined || config.resources.pidsLimit === undefined) return undefined;
  return { kind: 'events', path: `${groups.pids.path}/${CGROUP2.pidsEvents}` };
}

async function pidsLimitation(files: Files, container: IsolatedContainer): Promise<Limitation | undefined> {
  const group = groupReader(files, container, 'pids');
  if (group === undefined) return undefined;
  const refused = await group.read.happened(CGROUP2.pidsEvents, 'max');
  if (refused === 0) return undefined;
  const limit = await group.read.bound(CGROUP2.pidsMax);
  const whose = limit === undefined ? "an outer group's limit on processes" : `the limit of ${limit} processes`;
  return {
    isolator: 'cgroups/pids',
    resource: 'pids',
    times: refused,
    message: `${whose} was hit: ${refused} times the kernel refused another process`,
    statistics: presentValues({
      pidsLimit: limit,
      pidsPeak: await group.read.bound(CGROUP2.pidsPeak),
      pidsRefused: refused,
    }),
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
