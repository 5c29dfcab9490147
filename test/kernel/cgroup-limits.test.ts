import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Resources } from '../../src/model/resources.ts';
import { encodeLaunch } from '../../src/plan/encode.ts';
import { PlannedHost } from './support/planned-host.ts';
import { testDisk } from './support/test-disk.ts';

let host: PlannedHost;

beforeAll(async () => {
  host = new PlannedHost();
  await host.start();
});

afterAll(() => host.stop());

/** A limit, and what the kernel's files say of it in each version; a version without a list does not have it. */
interface Case {
  readonly what: string;
  /** v2 name. */
  readonly controller: string;
  readonly resources: Resources | (() => Resources | undefined);
  readonly says: Readonly<Partial<Record<1 | 2, Readonly<Record<string, string | RegExp>>>>>;
  /** Optional knobs of the kernel without which the case means nothing. */
  readonly needs?: Readonly<Partial<Record<1 | 2, string>>>;
}

const MIB = 1 << 20;
const DISK = testDisk();
const onDisk = (limits: object) => () =>
  DISK === undefined ? undefined : { ioDevices: [{ device: DISK, ...limits }] };

const CASES: readonly Case[] = [
  {
    ...{ what: 'a limit in CPUs', controller: 'cpu', resources: { cpuMillis: 500 } },
    says: { 1: { 'cpu.cfs_quota_us': '50000', 'cpu.cfs_period_us': '100000' }, 2: { 'cpu.max': '50000 100000' } },
  },
  {
    ...{ what: 'a quota of a period of its own', controller: 'cpu' },
    resources: { cpuQuotaUs: 20_000, cpuPeriodUs: 50_000 },
    says: { 1: { 'cpu.cfs_quota_us': '20000', 'cpu.cfs_period_us': '50000' }, 2: { 'cpu.max': '20000 50000' } },
  },
  {
    ...{ what: 'a burst', controller: 'cpu', resources: { cpuMillis: 500, cpuBurstUs: 20_000 } },
    says: { 1: { 'cpu.cfs_burst_us': '20000' }, 2: { 'cpu.max.burst': '20000' } },
    needs: { 1: 'cpu.cfs_burst_us', 2: 'cpu.max.burst' },
  },
  {
    ...{ what: 'cpu shares', controller: 'cpu', resources: { cpuShares: 512 } },
    says: { 1: { 'cpu.shares': '512' }, 2: { 'cpu.weight': '59' } },
  },
  {
    ...{ what: 'a cpu weight', controller: 'cpu', resources: { cpuWeight: 100 } },
    says: { 1: { 'cpu.shares': '1024' }, 2: { 'cpu.weight': '100' } },
  },
  {
    ...{ what: 'an idle cpu', controller: 'cpu', resources: { cpuIdle: true } },
    says: { 1: { 'cpu.idle': '1' }, 2: { 'cpu.idle': '1' } },
    needs: { 1: 'cpu.idle', 2: 'cpu.idle' },
  },
  {
    ...{ what: 'CPUs and memory nodes', controller: 'cpuset', resources: { cpusetCpus: '0', cpusetMems: '0' } },
    says: {
      1: { 'cpuset.cpus': '0', 'cpuset.mems': '0', 'cpuset.effective_cpus': '0' },
      2: { 'cpuset.cpus': '0', 'cpuset.mems': '0', 'cpuset.cpus.effective': '0' },
    },
  },
  {
    ...{ what: 'CPUs alone', controller: 'cpuset', resources: { cpusetCpus: '0' } },
    says: { 1: { 'cpuset.cpus': '0', 'cpuset.mems': /^0/ }, 2: { 'cpuset.cpus': '0', 'cpuset.mems.effective': /^0/ } },
  },
  {
    ...{ what: 'a memory limit without swap', controller: 'memory', resources: { memoryLimitBytes: 64 * MIB } },
    says: {
      1: { 'memory.limit_in_bytes': '67108864', 'memory.memsw.limit_in_bytes': '67108864' },
      2: { 'memory.max': '67108864', 'memory.swap.max': '0' },
    },
    needs: { 1: 'memory.memsw.limit_in_bytes', 2: 'memory.swap.max' },
  },
  {
    ...{ what: 'a memory limit with swap', controller: 'memory' },
    resources: { memoryLimitBytes: 64 * MIB, memorySwapBytes: 96 * MIB },
    says: {
      1: { 'memory.limit_in_bytes': '67108864', 'memory.memsw.limit_in_bytes': '100663296' },
      2: { 'memory.max': '67108864', 'memory.swap.max': '33554432' },
    },
    needs: { 1: 'memory.memsw.limit_in_bytes', 2: 'memory.swap.max' },
  },
  {
    ...{ what: 'a memory reservation', controller: 'memory', resources: { memoryReservationBytes: 32 * MIB } },
    says: { 1: { 'memory.soft_limit_in_bytes': '33554432' }, 2: { 'memory.low': '33554432' } },
    needs: { 1: 'memory.soft_limit_in_bytes' },
  },
  {
    ...{ what: 'a swappiness', controller: 'memory', resources: { memorySwappiness: 7 } },
    says: { 1: { 'memory.swappiness': '7' } },
    needs: { 1: 'memory.swappiness' },
  },
  {
    ...{ what: 'the OOM killer switched off', controller: 'memory' },
    resources: { memoryLimitBytes: 64 * MIB, oomKillDisabled: true },
    says: { 1: { 'memory.oom_control': /^oom_kill_disable 1$/m } },
  },
  {
    ...{ what: 'a throttle limit and the OOM group kill', controller: 'memory' },
    resources: { memoryHighBytes: 32 * MIB, memoryOomGroup: true },
    says: { 2: { 'memory.high': '33554432', 'memory.oom.group': '1' } },
  },
  {
    ...{ what: 'a bound of processes', controller: 'pids', resources: { pidsLimit: 77 } },
    says: { 1: { 'pids.max': '77' }, 2: { 'pids.max': '77' } },
  },
  {
    ...{ what: 'a weight of disks', controller: 'io', resources: { blkioWeight: 300 } },
    says: { 1: { 'blkio.bfq.weight': '300' }, 2: { 'io.bfq.weight': /^(default )?300$/m } },
    needs: { 1: 'blkio.bfq.weight', 2: 'io.bfq.weight' },
  },
  {
    ...{ what: 'a weight of disks by the kernel', controller: 'io', resources: { ioWeight: 300 } },
    says: { 1: { 'blkio.bfq.weight': '118' }, 2: { 'io.weight': /^default 300$/m } },
    needs: { 1: 'blkio.bfq.weight', 2: 'io.weight' },
  },
  {
    ...{ what: 'rates of a disk', controller: 'io' },
    resources: onDisk({ readBytesPerSecond: MIB, writeOperationsPerSecond: 50 }),
    says: {
      1: {
        'blkio.throttle.read_bps_device': `${DISK} 1048576`,
        'blkio.throttle.write_iops_device': `${DISK} 50`,
        'blkio.throttle.write_bps_device': '',
      },
      2: { 'io.max': `${DISK} rbps=1048576 wbps=max riops=max wiops=50` },
    },
    needs: { 1: 'blkio.throttle.read_bps_device', 2: 'io.max' },
  },
  {
    ...{ what: 'huge pages', controller: 'hugetlb' },
    resources: () => {
      const pageSize = '2MB';
      return host.facts.hugePageSizes.includes(pageSize)
        ? { hugePages: [{ pageSize, limitBytes: 1 << 30 }] }
        : undefined;
    },
    says: { 1: { 'hugetlb.2MB.limit_in_bytes': '1073741824' }, 2: { 'hugetlb.2MB.max': '1073741824' } },
  },
  {
    ...{ what: 'a class of what is sent', controller: 'net_cls', resources: { netClassId: 0x20_0005 } },
    says: { 1: { 'net_cls.classid': `${0x20_0005}` } },
  },
  {
    ...{ what: 'a priority on an interface', controller: 'net_prio' },
    resources: { networkPriorities: [{ networkInterface: 'lo', priority: 3 }] },
    says: { 1: { 'net_prio.ifpriomap': /^lo 3$/m } },
  },
];

describe.skipIf(!PlannedHost.isPossible)('the kernel says', () => {
  test.for(CASES)('of $what ($controller) what was asked for, or it is refused by name', async (one, { skip }) => {
    const version = host.facts.controllers[one.controller];
    const resources = typeof one.resources === 'function' ? one.resources() : one.resources;
    const needed = version === undefined ? undefined : one.needs?.[version];
    if (resources === undefined) return skip('this host has no device for it');
    if (needed !== undefined && !host.facts.cgroupFeatures.includes(needed))
      return skip(`this kernel has no ${needed}`);
    const request = { command: ['/bin/sleep', '60'], resources };
    const says = version === undefined ? undefined : one.says[version];
    if (says === undefined) {
      const code = version === undefined ? 'cgroups.controllerMissing' : 'cgroups.otherVersion';
      await expect(host.plan(request)).rejects.toMatchObject({ code });
      return;
    }
    const { plan, channel } = await host.plan(request);
    await host.helper.run(encodeLaunch(plan, channel));
    const group = plan.cgroups.find(
      ({ controllers, knobs }) => controllers.includes(one.controller) && knobs.length > 0,
    );
    for (const [file, content] of Object.entries(says)) {
      const text = readFileSync(join(group?.path ?? '', file), 'utf8').trim();
      expect(text, file).toEqual(typeof content === 'string' ? content : expect.stringMatching(content));
    }
  });
});
