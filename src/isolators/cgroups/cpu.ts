import type { Files } from '../../base/effects.ts';
import { CGROUP1 } from '../../linux/cgroup1.ts';
import { CGROUP2 } from '../../linux/cgroup2.ts';
import type { GroupContribution, IsolatedContainer, Isolator, UpdateInput, UsageValues } from '../isolator.ts';
import { cgroupContribution, cgroupsErrors, controllerVersion, groupReader, presentValues } from './controller.ts';

/** The period over which CPU time is counted, in microseconds; the kernel's own default. */
const PERIOD_US = 100_000;

/** Isolator `cgroups/cpu`: a group that accounts CPU time and, when asked, bounds it. */
export function cgroupsCpu({ files }: { readonly files: Files }): Isolator {
  const bounds = ({ config, host }: UpdateInput): GroupContribution => {
    const version = controllerVersion(host, 'cgroups/cpu', 'cpu');
    const { cpuMillis } = config.resources;
    if (cpuMillis === undefined) return cgroupContribution('cpu', []);
    if (cpuMillis > host.cpuCount * 1000) {
      throw cgroupsErrors.tooManyCpus({ cpus: String(cpuMillis / 1000), cpuCount: host.cpuCount });
    }
    return cgroupContribution('cpu', cpuKnobs(version, cpuMillis));
  };
  return {
    name: 'cgroups/cpu',
    requires: [],
    appliesTo: (config, host) => config.resources.cpuMillis !== undefined || host.controllers.cpu !== undefined,
    plan: bounds,
    update: bounds,
    usage: (container) => cpuUsage(files, container),
  };
}

/** The quota is microseconds in each period; 1000 thousandths are one CPU all the time. */
function cpuKnobs(version: 1 | 2, cpuMillis: number): readonly { file: string; value: string }[] {
  const quotaUs = (cpuMillis * PERIOD_US) / 1000;
  if (version === 2) return [{ file: CGROUP2.cpuMax, value: `${quotaUs} ${PERIOD_US}` }];
  return [
    { file: CGROUP1.cpuPeriod, value: String(PERIOD_US) },
    { file: CGROUP1.cpuQuota, value: String(quotaUs) },
  ];
}

/** `cpuUsageNs`, `cpuPeriods`, `cpuThrottledPeriods`, `cpuThrottledNs`; v1 has the first in `cpuacct`. */
async function cpuUsage(files: Files, container: IsolatedContainer): Promise<UsageValues> {
  const cpu = groupReader(files, container, 'cpu');
  if (cpu === undefined) return {};
  const statistics = await cpu.read.keyed(cpu.version === 2 ? CGROUP2.cpuStat : CGROUP1.cpuStat);
  const periods = {
    cpuPeriods: statistics.get('nr_periods'),
    cpuThrottledPeriods: statistics.get('nr_throttled'),
  };
  if (cpu.version === 2) {
    return presentValues({
      cpuUsageNs: fromMicroseconds(statistics.get('usage_usec')),
      ...periods,
      cpuThrottledNs: fromMicroseconds(statistics.get('throttled_usec')),
    });
  }
  const accounting = groupReader(files, container, 'cpuacct');
  return presentValues({
    cpuUsageNs: await accounting?.read.bound(CGROUP1.cpuacctUsage),
    ...periods,
    cpuThrottledNs: statistics.get('throttled_time'),
  });
}

function fromMicroseconds(microseconds: number | undefined): number | undefined {
  return microseconds === undefined ? undefined : microseconds * 1000;
}
