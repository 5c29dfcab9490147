import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isolatorCatalog } from '../../src/isolators/catalog.ts';
import { isolatedGroups } from '../../src/isolators/contribute.ts';
import type { IsolatedContainer, Isolator, UsageValues } from '../../src/isolators/isolator.ts';
import { decodeCounters } from '../../src/linux/perf-events.ts';
import type { ContainerRequest } from '../../src/model/check-request.ts';
import type { Limitation } from '../../src/model/exit-status.ts';
import type { LaunchPlan } from '../../src/model/launch-plan.ts';
import type { Resources } from '../../src/model/resources.ts';
import { describeFailure } from '../../src/plan/describe-failure.ts';
import { encodeLaunch } from '../../src/plan/encode.ts';
import { type TestLaunch, until } from './support/helper-client.ts';
import { failure, output } from './support/launches.ts';
import { PlannedHost } from './support/planned-host.ts';
import { testDisk } from './support/test-disk.ts';

const MIB = 1 << 20;
/** Pages that a CPU charges ahead of their use (MEMCG_CHARGE_BATCH), and a little for who ends the process. */
const BATCH_BYTES = 4 * MIB;

const PYTHON = '/usr/bin/python3';
/** Touches one page, and maps two more than it may; 0x40000 is MAP_HUGETLB. */
const HUGE_PAGES = `
import errno, mmap
flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000
page = mmap.mmap(-1, 2 << 20, flags=flags)
page[0] = 1
print('one', flush=True)
try: mmap.mmap(-1, 4 << 20, flags=flags)
except OSError as error: print(errno.errorcode[error.errno])
`;

let host: PlannedHost;

beforeAll(async () => {
  host = new PlannedHost();
  await host.start();
});

afterAll(() => host.stop());

interface Running {
  readonly plan: LaunchPlan;
  readonly launch: TestLaunch;
}

async function start(script: string, request: Partial<ContainerRequest>): Promise<Running> {
  const { plan, channel } = await host.plan({ command: ['/bin/sh', '-c', script], ...request });
  return { plan, launch: await host.helper.run(encodeLaunch(plan, channel)) };
}

/** Runs to its end. */
async function finish(script: string, resources: Resources, request: Partial<ContainerRequest> = {}) {
  const { plan, channel } = await host.plan({ command: ['/bin/sh', '-c', script], resources, ...request });
  return { plan, ...(await output(host.helper, encodeLaunch(plan, channel))) };
}

function seenBy(plan: LaunchPlan): IsolatedContainer {
  const config = { resources: {} } as IsolatedContainer['config'];
  return { uid: plan.uid, config, runtimeDir: '', groups: isolatedGroups(plan) };
}

function isolator(name: string): Isolator {
  const found = isolatorCatalog({
    files: host.effects.files,
    runHostSteps: async () => {},
    measureDisk: async () => ({ bytes: 0, entries: 0, unread: 0 }),
  }).find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no isolator ${name}`);
  return found;
}

async function usage(name: string, plan: LaunchPlan): Promise<UsageValues> {
  return (await isolator(name).usage?.(seenBy(plan))) ?? {};
}

async function limitation(name: string, plan: LaunchPlan): Promise<Limitation | undefined> {
  return isolator(name).limitation?.(seenBy(plan));
}

describe.skipIf(!PlannedHost.isPossible)('a limit is felt', () => {
  test('by who spins: a quota is never passed by more than 5 %, on however busy a host', async () => {
    const quotaMs = 10;
    const { plan } = await start('while :; do :; done', { resources: { cpuMillis: quotaMs * 10 } });
    const moment = async () => ({ atMs: performance.now(), ...(await usage('cgroups/cpu', plan)) });
    const before: UsageValues & { readonly atMs: number } = await moment();
    await until('it was throttled in thirty periods', async () => {
      return ((await usage('cgroups/cpu', plan)).cpuThrottledPeriods ?? 0) >= 30;
    });
    const used = await usage('cgroups/cpu', plan);
    const periods = (performance.now() - before.atMs) / 100;
    const usedMs = ((used.cpuUsageNs ?? 0) - (before.cpuUsageNs ?? 0)) / 1e6;
    // The periods in which it was looked at count whole, and a tick of the clock may pass before it is stopped.
    expect(usedMs).toBeLessThanOrEqual(quotaMs * (periods + 2) * 1.05 + 10);
  });

  test('by who runs: it sees the CPUs of its set and no other', async ({ skip }) => {
    if (host.facts.controllers.cpuset === undefined) return skip('the controller cpuset is not mounted');
    const { text, waitStatus } = await finish('grep _allowed_list /proc/self/status', {
      cpusetCpus: '0',
      cpusetMems: '0',
    });
    expect({ text, waitStatus }).toEqual({ text: 'Cpus_allowed_list:\t0\nMems_allowed_list:\t0\n', waitStatus: 0 });
  });

  test('by who takes memory: it is ended at the limit, with the statistics of that moment', async () => {
    const limitBytes = 32 * MIB;
    const script = 'x=aaaaaaaa; while :; do x=$x$x; done';
    const { plan, waitStatus } = await finish(script, { memoryLimitBytes: limitBytes });
    expect(waitStatus & 0x7f).toBe(9);
    const statistics = (await limitation('cgroups/memory', plan))?.statistics;
    expect(statistics).toMatchObject({ memoryKilledProcesses: 1, memoryLimitBytes: limitBytes });
    if (host.facts.controllers.memory === 2) expect(statistics?.memoryLimitHits).toBeGreaterThan(0);
    const peak = statistics?.memoryPeakBytes;
    if (peak !== undefined) {
      expect(peak).toBeLessThanOrEqual(limitBytes);
      expect(peak).toBeGreaterThan(limitBytes - BATCH_BYTES);
    }
  });

  test('by a group that is killed as one: no process of it is left, though one alone took the memory', async ({
    skip,
  }) => {
    if (host.facts.controllers.memory !== 2) return skip('the OOM group kill is of v2');
    const script = '/bin/sh -c "x=aaaaaaaa; while :; do x=\\$x\\$x; done" & wait; echo still here';
    const { text, waitStatus } = await finish(script, { memoryLimitBytes: 32 * MIB, memoryOomGroup: true });
    expect({ text, signal: waitStatus & 0x7f }).toEqual({ text: '', signal: 9 });
  });

  test('by who may not be killed: it waits at the limit until somebody ends it', async ({ skip }) => {
    if (host.facts.controllers.memory !== 1) return skip('switching the OOM killer off is of v1');
    const resources = { memoryLimitBytes: 32 * MIB, oomKillDisabled: true };
    const { plan, launch } = await start('x=aaaaaaaa; while :; do x=$x$x; done', { resources });
    const group = isolatedGroups(plan).memory?.path ?? '';
    await until('it waits for memory', () =>
      readFileSync(join(group, 'memory.oom_control'), 'utf8').includes('under_oom 1'),
    );
    expect((await usage('cgroups/memory', plan)).memoryKilledProcesses).toBe(0);
    await launch.connection.send('signal', { signal: 9 });
    await launch.connection.expect('done');
    await launch.connection.expect('exited');
    expect(await limitation('cgroups/memory', plan)).toBeUndefined();
  });

  test('by who forks: processes are counted exactly', async () => {
    // One is the first process, one the loop; the loop ends at the first fork that fails.
    const script = '(for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 60 & done) 2>/dev/null; exec sleep 60';
    const { plan } = await start(script, { resources: { pidsLimit: 10 } });
    await until('the loop has ended', async () => {
      const { pids } = await usage('cgroups/pids', plan);
      return pids === 9 && (await limitation('cgroups/pids', plan)) !== undefined;
    });
    expect(await limitation('cgroups/pids', plan)).toMatchObject({
      message: 'the limit of 10 processes was hit: 1 times the kernel refused another process',
      statistics: { pidsLimit: 10, pidsRefused: 1 },
    });
  });

  test('by who reads a disk: no more bytes a second than were asked for', async ({ skip }) => {
    const device = testDisk();
    if (device === undefined) return skip('the directory for temporary files is on no whole disk');
    if (host.facts.controllers.io === undefined) return skip('the controller is not mounted');
    const path = join(host.helper.directory, 'to-be-read');
    writeFileSync(path, Buffer.alloc(4 * MIB, 1), { flush: true });
    const rate = 2 * MIB;
    const begunMs = performance.now();
    const script = `dd if=${path} of=/dev/null bs=256k iflag=direct 2>&1`;
    const resources = { ioDevices: [{ device, readBytesPerSecond: rate }] };
    const { plan, text, waitStatus } = await finish(script, resources, { rootfs: { kind: 'none' } });
    expect(waitStatus, text).toBe(0);
    const seconds = (performance.now() - begunMs) / 1000;
    expect((4 * MIB) / seconds).toBeLessThanOrEqual(rate * 1.1);
    expect((await usage('cgroups/io', plan)).ioReadBytes).toBeGreaterThanOrEqual(4 * MIB);
  });

  test('by who maps huge pages: a mapping beyond the bound is refused at once, not at its first touch', async ({
    skip,
  }) => {
    if (host.facts.controllers.hugetlb === undefined) return skip('the controller hugetlb is not mounted');
    if (!existsSync(PYTHON)) return skip(`${PYTHON} is missing`);
    const free = /^HugePages_Free:\s+(\d+)$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? '0';
    if (Number(free) < 3 || !host.facts.hugePageSizes.includes('2MB')) return skip('fewer than 3 huge pages are free');
    const resources = { hugePages: [{ pageSize: '2MB', limitBytes: 2 * MIB }] };
    const request = { rootfs: { kind: 'none' }, command: [PYTHON, '-c', HUGE_PAGES], resources } as const;
    const { plan, channel } = await host.plan(request);
    const { text, waitStatus } = await output(host.helper, encodeLaunch(plan, channel));
    expect({ text, waitStatus }).toEqual({ text: 'one\nENOMEM\n', waitStatus: 0 });
  });

  test('by nobody, but counted: what a container does shows in the counters of its group', async ({ skip }) => {
    if (host.facts.controllers.perf_event === undefined) return skip('the kernel counts nothing for groups');
    const isolation = ['cgroups/perf_event'];
    const script = 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; exec sleep 60';
    const { plan, launch } = await start(script, { isolation, rootfs: { kind: 'none' } });
    const group = isolatedGroups(plan).perf_event;
    expect(group?.counters).toEqual(['task-clock', 'context-switches', 'cpu-migrations', 'page-faults']);
    await until('it has counted', async () => {
      await launch.connection.send('readCounters', {});
      const { values } = await launch.connection.expect('counters');
      const [taskClockNs = 0, , , pageFaults = 0] = decodeCounters(values);
      return taskClockNs > 1_000_000 && pageFaults > 10;
    });
  });

  test('an event that this host cannot count is refused by name, and nothing runs', async ({ skip }) => {
    if (host.facts.controllers.perf_event === undefined) return skip('the kernel counts nothing for groups');
    const { plan, channel } = await host.plan({
      ...{ command: ['/bin/true'], isolation: ['cgroups/perf_event'], rootfs: { kind: 'none' } },
    });
    const encoded = encodeLaunch(plan, channel);
    const hostSteps = encoded.hostSteps.map((one) =>
      one.op === 'open-counters' ? { ...one, values: { ...one.values, events: new Uint8Array(16).fill(0x7f) } } : one,
    );
    const { step, errno, detail } = await failure(host.helper, { ...encoded, hostSteps });
    const error = describeFailure({ ...encoded, hostSteps }, { phase: 'host', stepIndex: step, errno, detail });
    expect(error).toMatchObject({ code: 'plan.countersRefused', message: expect.stringContaining('event 0') });
  });
});
