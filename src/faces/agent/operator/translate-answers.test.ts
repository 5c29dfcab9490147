import { expect, test } from 'vitest';
import type { ContainerStats } from '../../../engine/facade.ts';
import { completeConfig } from '../../../model/container-request.ts';
import type { Resources } from '../../../model/resources.ts';
import { statusOf } from '../fake-engine.fixture.ts';
import { containerAnswer } from './translate-answers.ts';

const MIB = 1 << 20;

function shown(resources: Resources, counted: Partial<ContainerStats> = {}) {
  const status = statusOf(completeConfig({ name: 'web', rootfs: { kind: 'none' }, command: ['true'], resources }));
  const { uid, path: name, state, startedAtMs } = status;
  const known = { uid, name, state, startedAtMs, atMs: 7_000, usage: {}, limits: resources };
  return containerAnswer(status, { ...known, pressure: {}, unreadable: [], ...counted });
}

test('statistics tell what is used, what it is bounded by and what it has asked for', () => {
  const asked = { cpuShares: 512, cpuMillis: 1500, memoryLimitBytes: 64 * MIB, memoryReservationBytes: 32 * MIB };
  const disk = { limitBytes: 5 * MIB, usedBytes: MIB, enforcedBy: 'accounting' } as const;
  expect(shown(asked, { usage: { pids: 3 }, disk })).toMatchObject({
    resource_statistics: {
      ...{ timestamp: 7, processes: 3, threads: 3, cpus_limit: 1.5, cpus_soft_limit: 0.5 },
      ...{ mem_limit_bytes: 64 * MIB, mem_soft_limit_bytes: 32 * MIB },
      ...{ disk_limit_bytes: 5 * MIB, disk_used_bytes: MIB },
    },
  });
});

test('what was asked for stands where there is no limit, and nothing stands for what is not known', () => {
  expect(shown({ cpuShares: 2048, memoryLimitBytes: 8 * MIB }).resource_statistics).toEqual({
    ...{ timestamp: 7, cpus_limit: 2, cpus_soft_limit: 2, mem_limit_bytes: 8 * MIB, mem_soft_limit_bytes: 8 * MIB },
  });
  expect(shown({}).resource_statistics).toEqual({ timestamp: 7 });
});

test('a class of network packets that was named is told with the groups', () => {
  expect(shown({ netClassId: 0x10001 })).toMatchObject({
    container_status: { executor_pid: 42, cgroup_info: { net_cls: { classid: 0x10001 } } },
  });
  for (const resources of [{}, { netClassId: 'auto' }] as const) {
    expect(shown(resources).container_status).not.toHaveProperty('cgroup_info');
  }
});
