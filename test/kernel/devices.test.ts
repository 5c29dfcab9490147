import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deviceProgram } from '../../src/linux/device-program.ts';
import type { ContainerRequest } from '../../src/model/check-request.ts';
import { parseDeviceRule } from '../../src/model/devices.ts';
import { step } from '../../src/model/wire.ts';
import { encodeLaunch } from '../../src/plan/encode.ts';
import { isAlive } from './support/helper-client.ts';
import { output } from './support/launches.ts';
import { PlannedHost } from './support/planned-host.ts';

let host: PlannedHost;
beforeAll(async () => {
  host = new PlannedHost();
  await host.start();
});
afterAll(() => host.stop());

async function printed(script: string, request: Partial<ContainerRequest> = {}): Promise<string> {
  const { plan, channel } = await host.plan({ command: ['/bin/sh', '-c', script], ...request });
  return (await output(host.helper, encodeLaunch(plan, channel))).text;
}

/** /dev/kmsg: every kernel has it, and reading it does no harm. */
const KMSG = { hostPath: '/dev/kmsg', containerPath: '/dev/kmsg', access: 'rw' } as const;
/** With every capability that we have, so that it is the group that refuses. */
const MAY_ALL = {
  isolation: ['filesystem/linux', 'namespaces/pid', 'cgroups/devices', 'linux/devices', 'runtime/image'],
};

describe.skipIf(!PlannedHost.isPossible)('a container', () => {
  test('opens the usual devices', async () => {
    const script = 'for d in null zero full random urandom; do (true < /dev/$d) && echo $d; done; echo x > /dev/null';
    expect(await printed(script)).toBe('null\nzero\nfull\nrandom\nurandom\n');
  });

  test('may make any node and opens none but those that it was given', async () => {
    const make = 'busybox mknod /dev/k c 1 11 && busybox mknod /dev/n c 1 3 && echo made';
    const look = 'cat /dev/n; (true < /dev/k) && echo read; (true > /dev/k) && echo written';
    expect(await printed(`${make}; ${look}; echo end`, MAY_ALL)).toBe('made\nend\n');
    const rule = { deviceRules: ['c 1:11 r'], ...MAY_ALL };
    expect(await printed(`${make}; ${look}; echo end`, rule)).toBe('made\nread\nend\n');
  });

  test('opens every device, when one rule of many allows everything', async () => {
    const make = 'busybox mknod /dev/k c 1 11 && echo made';
    const rules = { deviceRules: ['c 1:11 r', 'a *:* rwm', 'b 8:0 r'], ...MAY_ALL };
    expect(await printed(`${make}; (true < /dev/k) && echo read; echo end`, rules)).toBe('made\nread\nend\n');
  });

  test('has the devices that it was given, with the mode of the host, and no more access than asked for', async () => {
    const script =
      'stat -c "%F %a %t:%T" /dev/kmsg; (true < /dev/kmsg) && echo read; (true > /dev/kmsg) && echo written';
    const text = await printed(`${script}; echo end`, { devices: [{ ...KMSG, access: 'r' }], ...MAY_ALL });
    const mode = execFileSync('stat', ['-c', '%a', '/dev/kmsg'], { encoding: 'utf8' }).trim();
    expect(text).toBe(`character special file ${mode} 1:b\nread\nend\n`);
  });

  test('is shown a device elsewhere, too', async () => {
    const devices = [{ ...KMSG, containerPath: '/some/where' }];
    expect(await printed('(true < /some/where) && echo read', { devices, ...MAY_ALL })).toBe('read\n');
  });
});

describe.skipIf(!existsSync('/proc/sys/kernel/unprivileged_bpf_disabled'))('a program for devices', () => {
  test('takes the place of the one before at once: what both allow is refused at no moment', async () => {
    const script = 'while (true < /dev/null); do :; done 2>&1; exit 7';
    const values = host.helper.launchValues(['/bin/sh', '-c', script]);
    const launch = await host.helper.run(values);
    const worker = await host.helper.connect();
    const set = async (rules: readonly string[]): Promise<void> => {
      const program = deviceProgram(rules.map(parseDeviceRule));
      const one = step('test', 'set-device-program', { path: values.trackingCgroup, program });
      await worker.send('run', { hostSteps: [one] });
      await worker.expect('done');
    };
    for (let round = 0; round < 100; round += 1) {
      await set(['c 1:3 rw', 'c 1:5 r']);
      await set(['c 1:7 r', 'c 1:3 rwm']);
    }
    expect(isAlive(launch.pid)).toBe(true);
    await set(['c 1:5 rwm']);
    const { waitStatus } = await launch.connection.expect('exited');
    expect(Number(waitStatus) >> 8).not.toBe(0);
  });

  test('that is none is refused', async () => {
    const worker = await host.helper.connect();
    const path = host.helper.group;
    for (const bytes of [0, 7, 8]) {
      const program = new Uint8Array(bytes);
      await worker.send('run', { hostSteps: [step('test', 'set-device-program', { path, program })] });
      expect((await worker.expectFailure()).errno).toBe(22);
    }
  });
});
