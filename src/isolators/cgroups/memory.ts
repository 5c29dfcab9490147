import type { Files } from '../../base/effects.ts';
import { parseBound, parseFlatKeyed } from '../../linux/cgroup-values.ts';
import { CGROUP1 } from '../../linux/cgroup1.ts';
import { CGROUP2 } from '../../linux/cgroup2.ts';
import { formatBytes } from '../../model/byte-size.ts';
import type { Limitation } from '../../model/exit-status.ts';
import type { BriefUsage, IsolatedContainer, Isolator, LimitWatch, UsageValues } from '../isolator.ts';
import { controllerIsolator } from './controller.ts';
import { type GroupReader, groupFiles, groupReader, presentValues } from './group-reader.ts';
import { memoryKnobs } from './memory-knobs.ts';

/** Isolator `cgroups/memory`: a group that accounts memory and, when asked, bounds it; a bounded container has no swap. */
export function cgroupsMemory({ files }: { readonly files: Files }): Isolator {
  return controllerIsolator({
    name: 'cgroups/memory',
    controller: 'memory',
    accountsIn: [1, 2],
    knobs: memoryKnobs,
    watch: watchForKills,
    limitation: (container) => memoryLimitation(files, container),
    usage: async (container) => {
      const group = groupReader(files, container, 'memory');
      return group === undefined ? {} : memoryValues(group);
    },
    brief: BRIEF,
  });
}

const HUGE_PAGE_BYTES = 2 << 20;

interface MemoryGroup {
  readonly version: 1 | 2;
  readonly read: GroupReader;
}

/** Where nothing is bounded only the host can run out of memory, and that is told with the end. */
function watchForKills({ config, groups }: IsolatedContainer): LimitWatch | undefined {
  const group = groups.memory;
  if (group === undefined || config.resources.memoryLimitBytes === undefined) return undefined;
  return group.version === 2
    ? { kind: 'events', path: `${group.path}/${CGROUP2.memoryEvents}` }
    : { kind: 'outOfMemory', path: group.path };
}

async function memoryLimitation(files: Files, container: IsolatedContainer): Promise<Limitation | undefined> {
  const group = groupReader(files, container, 'memory');
  if (group === undefined) return undefined;
  // Everybody who waits for the container waits for this: nearly always one file answers it.
  const killed = await killedProcesses(group);
  if (killed === 0) return undefined;
  const statistics = { ...(await memoryValues(group)), ...(await limitHits(group)) };
  const { memoryLimitBytes: limit, memoryPeakBytes: peak } = statistics;
  const processes = killed === 1 ? '1 process was' : `${killed} processes were`;
  const peakText = peak === undefined ? '' : `, peak use ${formatBytes(peak)}`;
  const cause = isReached(limit, peak)
    ? `the memory limit of ${formatBytes(limit ?? 0)} was hit`
    : `memory ran out on the host${container.config.parent === undefined ? '' : ' or in a container around it'}`;
  return {
    isolator: 'cgroups/memory',
    resource: 'memory',
    times: killed,
    message: `${cause}: ${processes} killed by the kernel${peakText}`,
    statistics,
  };
}

/** The kernel charges in batches and in huge pages, so a limit that was hit need not have been used to its last page. */
function isReached(limit: number | undefined, peak: number | undefined): boolean {
  if (limit === undefined || peak === undefined) return limit !== undefined;
  return peak >= limit - Math.max(limit / 10, HUGE_PAGE_BYTES);
}

async function killedProcesses({ version, read }: MemoryGroup): Promise<number> {
  return read.happened(version === 2 ? CGROUP2.memoryEvents : CGROUP1.memoryOomControl, 'oom_kill');
}

/** How often the use was about to pass the limits; the failcnt of v1 stays 0 in newer kernels, whatever happens. */
async function limitHits({ version, read }: MemoryGroup): Promise<UsageValues> {
  if (version === 1) return {};
  const events = await read.keyed(CGROUP2.memoryEvents);
  return presentValues({ memoryLimitHits: events.get('max'), memoryHighHits: events.get('high') });
}

/** Without what only one container is asked for: peak and kills, and in v2 swap; the limit is that of the config. */
const BRIEF: BriefUsage = {
  subject: 'memory',
  files(container) {
    const names =
      container.groups.memory?.version === 2
        ? [CGROUP2.memoryCurrent, CGROUP2.memoryStat]
        : [CGROUP1.memoryUsage, CGROUP1.memoryStat];
    return groupFiles(container, 'memory', names);
  },
  values({ groups, config }, [used = '', statistics = '']) {
    if (groups.memory === undefined) return {};
    return presentValues({
      memoryBytes: parseBound(used),
      memoryLimitBytes: config.resources.memoryLimitBytes,
      ...kindsOf(groups.memory.version, parseFlatKeyed(statistics)),
    });
  },
};

/**
 * `memoryBytes`, `memoryLimitBytes`, `memoryPeakBytes`, `memoryKilledProcesses`; and by kind `memoryAnonymousBytes`,
 * `memoryFileBytes`, `memoryInactiveFileBytes`, `memorySharedBytes`, `memorySwapBytes`, `memoryMajorFaults`.
 */
async function memoryValues(group: MemoryGroup): Promise<UsageValues> {
  const [totals, kinds, killed] = await Promise.all([
    group.version === 2 ? memoryTotals2(group.read) : memoryTotals1(group.read),
    memoryKinds(group),
    killedProcesses(group),
  ]);
  return presentValues({ ...totals, memoryKilledProcesses: killed, ...kinds });
}

async function memoryTotals1(read: GroupReader) {
  const [memoryBytes, memoryLimitBytes, memoryPeakBytes] = await Promise.all([
    read.bound(CGROUP1.memoryUsage),
    read.bound(CGROUP1.memoryLimit),
    read.bound(CGROUP1.memoryPeak),
  ]);
  return { memoryBytes, memoryLimitBytes, memoryPeakBytes };
}

async function memoryTotals2(read: GroupReader) {
  const [memoryBytes, memoryLimitBytes, memoryPeakBytes, memorySwapBytes] = await Promise.all([
    read.bound(CGROUP2.memoryCurrent),
    read.bound(CGROUP2.memoryMax),
    read.bound(CGROUP2.memoryPeak),
    read.bound(CGROUP2.memorySwapCurrent),
  ]);
  return { memoryBytes, memoryLimitBytes, memoryPeakBytes, memorySwapBytes };
}

async function memoryKinds({ version, read }: MemoryGroup) {
  return kindsOf(version, await read.keyed(version === 2 ? CGROUP2.memoryStat : CGROUP1.memoryStat));
}

function kindsOf(version: 1 | 2, counts: ReadonlyMap<string, number>) {
  return version === 2 ? kinds2(counts) : kinds1(counts);
}

/** The lines `total_` hold the groups below, too (admin-guide/cgroup-v1/memory.rst §5.2); file cache includes shared. */
function kinds1(counts: ReadonlyMap<string, number>) {
  return {
    memoryAnonymousBytes: counts.get('total_rss'),
    memoryFileBytes: counts.get('total_cache'),
    memoryInactiveFileBytes: counts.get('total_inactive_file'),
    memorySharedBytes: counts.get('total_shmem'),
    memorySwapBytes: counts.get('total_swap'),
    memoryMajorFaults: counts.get('total_pgmajfault'),
  };
}

function kinds2(counts: ReadonlyMap<string, number>) {
  return {
    memoryAnonymousBytes: counts.get('anon'),
    memoryFileBytes: counts.get('file'),
    memoryInactiveFileBytes: counts.get('inactive_file'),
    memorySharedBytes: counts.get('shmem'),
    memoryMajorFaults: counts.get('pgmajfault'),
  };
}
