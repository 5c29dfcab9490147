/**
 * Bounds and memberships hold while systemd is reloaded and its need of controllers comes and goes: what MESOS-3009 recorded
 * is that processes were moved out of groups which systemd knew nothing of, and bounds were lost.
 */

import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { CgroupDriverKind } from '../../src/model/cgroup-driver.ts';
import { completeConfig } from '../../src/model/container-request.ts';
import type { Resources } from '../../src/model/resources.ts';
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

const ISOLATION = ['cgroups/memory', 'cgroups/cpu', 'cgroups/pids', 'cgroups/io'];
const request = (resources: Resources) =>
  completeConfig({
    name: 'one',
    rootfs: { kind: 'none' },
    command: ['/bin/sleep', '1000'],
    resources,
    isolation: ISOLATION,
  });

let host: EngineHost;
afterEach(() => host.close());

describe.each(DRIVERS)('with the driver %s', (driver) => {
  test(`a container keeps its groups and its bounds through ${RELOADS} reloads, also after they were changed`, async () => {
    host = new EngineHost(driver);
    const engine = await host.open();
    const { status } = await engine.launch(request({ memoryLimitBytes: 64 * MIB, pidsLimit: 50, cpuMillis: 500 }));
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
  }, 900_000);
});

describe('without the defence', () => {
  test('a bound in the group of a unit itself becomes what systemd believes', async () => {
    host = new EngineHost();
    const unit = 'undefended.service';
    runDetached(unit);
    const mainPid = (): number => Number(systemctl('show', unit, '-p', 'MainPID', '--value'));
    await until('the unit runs', () => mainPid() > 0);
    const pids = IS_UNIFIED ? '' : 'pids';
    const bound = join('/sys/fs/cgroup', pids, groupsOf(mainPid()).get(pids) ?? '', 'pids.max');
    writeFileSync(bound, '7');
    provoke(100);
    const after = readFileSync(bound, 'utf8').trim();
    systemctl('stop', unit);
    expect(after).not.toBe('7');
  }, 300_000);

  test.skipIf(IS_UNIFIED)(
    'in v1 the driver cgroupfs loses a container to the first unit that needs a controller',
    async () => {
      host = new EngineHost('cgroupfs');
      const engine = await host.open();
      const { status } = await engine.launch(request({}));
      const group = (): string | undefined => groupsOf(status.pid ?? 0).get('blkio');
      expect(group()).toContain(status.uid);
      runInUnit('needs-blkio', ['BlockIOAccounting=yes'], ['true']);
      expect(group()).toBe('/');
    },
    300_000,
  );
});

function runDetached(unit: string): void {
  const child = spawn('systemd-run', ['-q', '--collect', `--unit=${unit}`, 'sleep', '1000'], { stdio: 'ignore' });
  child.unref();
}
