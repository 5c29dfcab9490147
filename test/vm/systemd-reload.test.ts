/**
 * Bounds and memberships hold while systemd is reloaded and its need of controllers comes and goes: what MESOS-3009 recorded
 * is that processes were moved out of groups which systemd knew nothing of, and bounds were lost.
 */

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { CgroupDriverKind } from '../../src/model/cgroup-driver.ts';
import { completeConfig } from '../../src/model/container-request.ts';
import { EngineHost } from '../kernel/support/engine-host.ts';
import { until } from '../kernel/support/helper-client.ts';
import { boundsOf, groupsOf, IS_UNIFIED, runInUnit, systemctl } from './support/systemd-view.ts';

const MIB = 1 << 20;
const RELOADS = 20;
/** Of every controller of systemd's, so that its need of each begins with the unit and ends with it. */
const NEEDS = [
  ...['CPUAccounting=yes', 'CPUQuota=50%', 'IOAccounting=yes', 'IOWeight=50', 'MemoryMax=100M', 'TasksMax=50'],
  'DeviceAllow=/dev/null rw',
];

/** What a process has that systemd may take. */
function stateOf(pid: number): unknown {
  return { groups: [...groupsOf(pid)].sort(), bounds: boundsOf(pid) };
}

function provoke(number: number): void {
  systemctl('daemon-reload');
  runInUnit(`provoking-${number}`, NEEDS, ['true']);
  systemctl('daemon-reload');
}

/** cgroupfs makes no claim in v1, where systemd moves what it does not know: see the last test. */
const DRIVERS: readonly CgroupDriverKind[] = IS_UNIFIED ? ['systemd', 'cgroupfs'] : ['systemd'];

describe.each(DRIVERS)('with the driver %s', (driver) => {
  const host = new EngineHost(driver);
  afterEach(() => host.close());

  test(`a container keeps its groups and its bounds through ${RELOADS} reloads, also after they were changed`, async () => {
    const engine = await host.open();
    const resources = { memoryLimitBytes: 64 * MIB, pidsLimit: 50, cpuMillis: 500 };
    const request = { name: 'one', rootfs: { kind: 'none' }, command: ['/bin/sleep', '1000'], resources } as const;
    const { status } = await engine.launch(completeConfig(request));
    const pid = status.pid ?? 0;
    const before = stateOf(pid);
    expect(boundsOf(pid)).toEqual({ memoryBytes: `${64 * MIB}`, processes: '50', cpuUs: '50000' });
    for (let number = 0; number < RELOADS / 4; number += 1) provoke(number);
    expect(stateOf(pid)).toEqual(before);
    await engine.update('one', { memoryLimitBytes: 80 * MIB, pidsLimit: 20, cpuMillis: 900 });
    const changed = stateOf(pid);
    expect(boundsOf(pid)).toEqual({ memoryBytes: `${80 * MIB}`, processes: '20', cpuUs: '90000' });
    for (let number = 0; number < RELOADS / 4; number += 1) provoke(number);
    expect(stateOf(pid)).toEqual(changed);
  }, 600_000);
});

/** The first hierarchy in which a process of a group that systemd does not know can be bounded in its number. */
const PIDS = IS_UNIFIED ? '/sys/fs/cgroup' : '/sys/fs/cgroup/pids';

describe('without the defence', () => {
  test('the bounds of the group that a unit has are what systemd believes after a reload', async () => {
    const unit = 'undefended.service';
    systemctl('reset-failed');
    runDetached(unit);
    await until('the unit runs', () => systemctl('show', unit, '-p', 'MainPID', '--value') !== '0');
    const pid = Number(systemctl('show', unit, '-p', 'MainPID', '--value'));
    const group = join(PIDS, groupsOf(pid).get(IS_UNIFIED ? '' : 'pids') ?? '');
    writeFileSync(join(group, 'pids.max'), '7');
    provoke(100);
    const after = readFileSync(join(group, 'pids.max'), 'utf8').trim();
    systemctl('stop', unit);
    expect(after).not.toBe('7');
  }, 120_000);

  test.skipIf(IS_UNIFIED)(
    'a process of a unit is moved out of a group that systemd does not know',
    async () => {
      const unit = 'moved.service';
      runDetached(unit);
      await until('the unit runs', () => systemctl('show', unit, '-p', 'MainPID', '--value') !== '0');
      const pid = Number(systemctl('show', unit, '-p', 'MainPID', '--value'));
      const group = '/sys/fs/cgroup/blkio/unknown-to-systemd';
      mkdirSync(group);
      writeFileSync(join(group, 'cgroup.procs'), String(pid));
      expect(groupsOf(pid).get('blkio')).toBe('/unknown-to-systemd');
      systemctl('set-property', '--runtime', unit, 'BlockIOAccounting=yes');
      provoke(200);
      const after = groupsOf(pid).get('blkio');
      systemctl('stop', unit);
      await until('its group is empty', () => readFileSync(join(group, 'cgroup.procs'), 'utf8') === '');
      rmdirSync(group);
      expect(after).not.toBe('/unknown-to-systemd');
    },
    120_000,
  );
});

function runDetached(unit: string): void {
  const child = spawn('systemd-run', ['-q', '--collect', `--unit=${unit}`, 'sleep', '1000'], { stdio: 'ignore' });
  child.unref();
}
