import type { Files } from '../../base/effects.ts';
import { parseBound, parseFlatKeyed, sharesOfWeight, weightOfShares } from '../../linux/cgroup-values.ts';
import { CGROUP1 } from '../../linux/cgroup1.ts';
import { CGROUP2 } from '../../linux/cgroup2.ts';
import type { CgroupKnob } from '../../model/launch-plan.ts';
import type { Resources } from '../../model/resources.ts';
import type { BriefUsage, IsolatedContainer, Isolator, UsageValues } from '../isolator.ts';
import { controllerIsolator, type KnobInput, optionalKnob, whenAsked } from './controller.ts';
import { cgroupsErrors } from './errors.ts';
import { groupFiles, groupReader, presentValues } from './group-reader.ts';

/** The period over which CPU time is counted, in microseconds; the kernel's own default. */
const DEFAULT_PERIOD_US = 100_000;

/** Isolator `cgroups/cpu`: a group that accounts CPU time and, when asked, bounds it or gives it a share. */
export function cgroupsCpu({ files }: { readonly files: Files }): Isolator {
  return controllerIsolator({
    name: 'cgroups/cpu',
    controller: 'cpu',
    accountsIn: [1, 2],
    knobs: cpuKnobs,
    usage: (container) => cpuUsage(files, container),
    brief: BRIEF,
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
async function cpuUsage(files: Files, container: IsolatedContainer): Promise<UsageValues> {
  const cpu = groupReader(files, container, 'cpu');
  if (cpu === undefined) return {};
  if (cpu.version === 2) return presentValues(cpuValues2(await cpu.read.keyed(CGROUP2.cpuStat)));
  const accounting = groupReader(files, container, 'cpuacct')?.read;
  const [statistics, usage = '', times = ''] = await Promise.all([
    cpu.read.keyed(CGROUP1.cpuStat),
    accounting?.text(CGROUP1.cpuacctUsage),
    accounting?.text(CGROUP1.cpuacctStat),
  ]);
  return presentValues({ ...cpuTimes1(usage, times), ...throttling1(statistics) });
}

/** v1 counts in `cpu.stat` what a quota did, and without one there is nothing to count. */
const BRIEF: BriefUsage = {
  subject: 'cpu',
  files(container) {
    if (container.groups.cpu?.version === 2) return groupFiles(container, 'cpu', [CGROUP2.cpuStat]);
    return [
      ...groupFiles(container, 'cpuacct', [CGROUP1.cpuacctUsage, CGROUP1.cpuacctStat]),
      ...(hasQuota(container) ? groupFiles(container, 'cpu', [CGROUP1.cpuStat]) : []),
    ];
  },
  values({ groups }, [first = '', times = '', statistics = '']) {
    if (groups.cpu?.version === 2) return presentValues(cpuValues2(parseFlatKeyed(first)));
    return presentValues({ ...cpuTimes1(first, times), ...throttling1(parseFlatKeyed(statistics)) });
  },
};

function cpuValues2(statistics: ReadonlyMap<string, number>) {
  return {
    cpuUsageNs: fromMicroseconds(statistics.get('usage_usec')),
    cpuUserNs: fromMicroseconds(statistics.get('user_usec')),
    cpuSystemNs: fromMicroseconds(statistics.get('system_usec')),
    ...periods(statistics),
    cpuThrottledNs: fromMicroseconds(statistics.get('throttled_usec')),
    cpuBurstNs: fromMicroseconds(statistics.get('burst_usec')),
  };
}

function throttling1(statistics: ReadonlyMap<string, number>) {
  return {
    ...periods(statistics),
    cpuThrottledNs: statistics.get('throttled_time'),
    cpuBurstNs: statistics.get('burst_time'),
  };
}

function periods(statistics: ReadonlyMap<string, number>) {
  return {
    cpuPeriods: statistics.get('nr_periods'),
    cpuThrottledPeriods: statistics.get('nr_throttled'),
    cpuBursts: statistics.get('nr_bursts'),
  };
}

function hasQuota({ config: { resources } }: IsolatedContainer): boolean {
  return resources.cpuMillis !== undefined || resources.cpuQuotaUs !== undefined;
}

function cpuTimes1(usage: string, times: string) {
  const ticks = parseFlatKeyed(times);
  return {
    cpuUsageNs: parseBound(usage),
    cpuUserNs: fromTicks(ticks.get('user')),
    cpuSystemNs: fromTicks(ticks.get('system')),
  };
}

/** USER_HZ is 100 on every architecture that we run on (asm-generic/param.h). */
function fromTicks(ticks: number | undefined): number | undefined {
  return ticks === undefined ? undefined : ticks * 10_000_000;
}

function fromMicroseconds(microseconds: number | undefined): number | undefined {
  return microseconds === undefined ? undefined : microseconds * 1000;
}
