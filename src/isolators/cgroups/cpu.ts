import type { Files } from '../../base/effects.ts';
import { sharesOfWeight, weightOfShares } from '../../linux/cgroup-values.ts';
import { CGROUP1 } from '../../linux/cgroup1.ts';
import { CGROUP2 } from '../../linux/cgroup2.ts';
import type { CgroupKnob } from '../../model/launch-plan.ts';
import type { Resources } from '../../model/resources.ts';
import type { IsolatedContainer, Isolator, UsageDetail, UsageValues } from '../isolator.ts';
import { controllerIsolator, type KnobInput, optionalKnob, whenAsked } from './controller.ts';
import { cgroupsErrors } from './errors.ts';
import { groupReader, presentValues } from './group-reader.ts';

/** The period over which CPU time is counted, in microseconds; the kernel's own default. */
const DEFAULT_PERIOD_US = 100_000;

/** Isolator `cgroups/cpu`: a group that accounts CPU time and, when asked, bounds it or gives it a share. */
export function cgroupsCpu({ files }: { readonly files: Files }): Isolator {
  return controllerIsolator({
    name: 'cgroups/cpu',
    controller: 'cpu',
    accountsIn: [1, 2],
    knobs: cpuKnobs,
    usage: (container, detail) => cpuUsage(files, container, detail),
  });
}

function cpuKnobs(input: KnobInput): readonly CgroupKnob[] {
  const { cpuMillis, cpuIdle } = input.resources;
  const { cpuCount } = input.host;
  if (cpuMillis !== undefined && cpuMillis > cpuCount * 1000) {
    throw cgroupsErrors.tooManyCpus({ cpus: String(cpuMillis / 1000), cpuCount });
  }
  const idle = { file: CGROUP2.cpuIdle, value: '1' };
  return [
    ...shareKnobs(input),
    ...bandwidthKnobs(input),
    ...(cpuIdle === true ? [optionalKnob(input.host, 'an idle cpu', idle)] : []),
  ];
}

/** v1 and v2 each have a scale of their own; whoever speaks that of the other is converted. */
function shareKnobs({ resources: { cpuShares, cpuWeight }, version }: KnobInput): readonly CgroupKnob[] {
  if (version === 1) {
    const shares = cpuShares ?? (cpuWeight === undefined ? undefined : sharesOfWeight(cpuWeight));
    return whenAsked(shares, (value) => ({ file: CGROUP1.cpuShares, value: `${value}` }));
  }
  const weight = cpuWeight ?? (cpuShares === undefined ? undefined : weightOfShares(cpuShares));
  return whenAsked(weight, (value) => ({ file: CGROUP2.cpuWeight, value: `${value}` }));
}

/** The quota is microseconds in each period. The burst comes last: the kernel refuses one above the quota. */
function bandwidthKnobs({ resources, host, version }: KnobInput): readonly CgroupKnob[] {
  const { periodUs, quotaUs } = bandwidthOf(resources);
  if (periodUs === undefined && quotaUs === undefined) return [];
  const burst = whenAsked(resources.cpuBurstUs, (burstUs) =>
    optionalKnob(host, 'a cpu burst', {
      file: version === 2 ? CGROUP2.cpuMaxBurst : CGROUP1.cpuBurst,
      value: `${burstUs}`,
    }),
  );
  if (version === 2) {
    const value = `${quotaUs ?? 'max'} ${periodUs ?? DEFAULT_PERIOD_US}`;
    return [{ file: CGROUP2.cpuMax, value }, ...burst];
  }
  return [
    ...whenAsked(periodUs, (value) => ({ file: CGROUP1.cpuPeriod, value: `${value}` })),
    ...whenAsked(quotaUs, (value) => ({ file: CGROUP1.cpuQuota, value: `${value}` })),
    ...burst,
  ];
}

/** 1000 thousandths are one CPU all the time. */
function bandwidthOf({ cpuMillis, cpuQuotaUs, cpuPeriodUs }: Resources) {
  if (cpuMillis === undefined) return { periodUs: cpuPeriodUs, quotaUs: cpuQuotaUs };
  return { periodUs: DEFAULT_PERIOD_US, quotaUs: (cpuMillis * DEFAULT_PERIOD_US) / 1000 };
}

/**
 * `cpuUsageNs`, `cpuUserNs`, `cpuSystemNs`, `cpuPeriods`, `cpuThrottledPeriods`, `cpuThrottledNs`, `cpuBursts`,
 * `cpuBurstNs`; v1 has the first three in `cpuacct`.
 */
async function cpuUsage(files: Files, container: IsolatedContainer, detail?: UsageDetail): Promise<UsageValues> {
  const cpu = groupReader(files, container, 'cpu');
  if (cpu === undefined) return {};
  // v1 counts there what a quota did, and without one there is nothing to count.
  if (cpu.version === 1 && detail === 'brief' && !hasQuota(container))
    return presentValues(await cpuTimes1(files, container));
  const statistics = await cpu.read.keyed(cpu.version === 2 ? CGROUP2.cpuStat : CGROUP1.cpuStat);
  const periods = {
    cpuPeriods: statistics.get('nr_periods'),
    cpuThrottledPeriods: statistics.get('nr_throttled'),
    cpuBursts: statistics.get('nr_bursts'),
  };
  if (cpu.version === 2) {
    return presentValues({
      cpuUsageNs: fromMicroseconds(statistics.get('usage_usec')),
      cpuUserNs: fromMicroseconds(statistics.get('user_usec')),
      cpuSystemNs: fromMicroseconds(statistics.get('system_usec')),
      ...periods,
      cpuThrottledNs: fromMicroseconds(statistics.get('throttled_usec')),
      cpuBurstNs: fromMicroseconds(statistics.get('burst_usec')),
    });
  }
  const throttled = { cpuThrottledNs: statistics.get('throttled_time'), cpuBurstNs: statistics.get('burst_time') };
  return presentValues({ ...(await cpuTimes1(files, container)), ...periods, ...throttled });
}

function hasQuota({ config: { resources } }: IsolatedContainer): boolean {
  return resources.cpuMillis !== undefined || resources.cpuQuotaUs !== undefined;
}

async function cpuTimes1(files: Files, container: IsolatedContainer) {
  const accounting = groupReader(files, container, 'cpuacct');
  const [cpuUsageNs, ticks] = await Promise.all([
    accounting?.read.bound(CGROUP1.cpuacctUsage),
    accounting?.read.keyed(CGROUP1.cpuacctStat),
  ]);
  return {
    cpuUsageNs,
    cpuUserNs: fromTicks(ticks?.get('user')),
    cpuSystemNs: fromTicks(ticks?.get('system')),
  };
}

/** USER_HZ is 100 on every architecture that we run on (asm-generic/param.h). */
function fromTicks(ticks: number | undefined): number | undefined {
  return ticks === undefined ? undefined : ticks * 10_000_000;
}

function fromMicroseconds(microseconds: number | undefined): number | undefined {
  return microseconds === undefined ? undefined : microseconds * 1000;
}
