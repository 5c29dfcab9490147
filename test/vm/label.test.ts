/** AppArmor for real: the kernel of this guest has it active, and a profile of ours is loaded. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { completeConfig, completeExecConfig } from '../../src/model/container-request.ts';
import { EngineHost } from '../kernel/support/engine-host.ts';
import { until } from '../kernel/support/helper-client.ts';

const ENABLED = '/sys/module/apparmor/parameters/enabled';
const PROFILE = `isopod-test-${process.pid}`;
const lacks = [
  ...(existsSync(ENABLED) && readFileSync(ENABLED, 'utf8') === 'Y\n' ? [] : ['AppArmor']),
  ...(existsSync('/usr/sbin/apparmor_parser') ? [] : ['apparmor_parser']),
];

describe.skipIf(lacks.length > 0)('a profile of AppArmor', () => {
  let host: EngineHost;
  let profile: string;
  let secret: string;
  let open: string;
  const parse = (option: string) => execFileSync('apparmor_parser', [option], { input: profile });

  beforeEach(() => {
    host = new EngineHost();
    [secret = '', open = ''] = ['secret', 'open'].map((name) => join(host.directory, name));
    writeFileSync(secret, 'secret\n');
    writeFileSync(open, 'open\n');
    const rules = `file, network, capability, signal, ptrace, unix, mount, umount, pivot_root, deny ${secret} r,`;
    profile = `profile ${PROFILE} flags=(attach_disconnected) { ${rules} }\n`;
    parse('-a');
  });
  afterEach(async () => {
    await host.close();
    parse('-R');
  });

  const config = (name: string, appArmor: string, script: string) =>
    completeConfig({
      ...{ name, rootfs: { kind: 'none' }, command: ['/bin/sh', '-c', script] },
      security: { labels: { appArmor } },
    });

  test('confines the container from its first instruction on, and exec sessions as well', async () => {
    const engine = await host.open();
    const written = join(host.directory, 'written');
    const script = `{ cat /proc/self/attr/current ${open}; cat ${secret} || echo refused; } >${written} 2>/dev/null; mv ${written} ${written}-all; exec sleep 1000`;
    const { status } = await engine.launch(config('confined', PROFILE, script));
    await until('it has written', () => existsSync(`${written}-all`));
    expect(readFileSync(`${written}-all`, 'utf8')).toBe(`${PROFILE} (enforce)\nopen\nrefused\n`);
    const session = await engine.exec(completeExecConfig(status.uid, { command: ['/bin/sleep', '1000'] }));
    const labels = [status.pid, session.pid].map((pid) => readFileSync(`/proc/${pid}/attr/current`, 'utf8'));
    expect(labels).toEqual([`${PROFILE} (enforce)\n`, `${PROFILE} (enforce)\n`]);
  });

  test('that is not loaded is refused by its name, and nothing runs', async () => {
    const engine = await host.open();
    await expect(engine.launch(config('unknown', 'isopod-not-loaded', 'true'))).rejects.toMatchObject({
      code: 'plan.settingRefused',
      message: expect.stringContaining('isopod-not-loaded'),
    });
  });
});
