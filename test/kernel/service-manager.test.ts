import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { FakeSystemd } from '../../src/base/effects/fake-systemd.fixture.ts';
import { nodeServiceManager } from '../../src/base/effects/node-services.ts';
import { serviceManagerContract } from '../../src/base/effects/services.contract.ts';

/** A bus of its own, which lets anybody own any name; it ends with us. */
const CONFIG = (socket: string) => `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path=${socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>`;

const DAEMON_MISSING = spawnSync('dbus-daemon', ['--version']).error !== undefined;

describe.skipIf(DAEMON_MISSING)('through dbus-daemon', () => {
  let directory: string;
  let socket: string;
  let systemd: FakeSystemd;
  let end: () => Promise<unknown>;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isopod-bus-'));
    socket = join(directory, 'bus');
    await writeFile(join(directory, 'config'), CONFIG(socket));
    const daemon = spawn('dbus-daemon', [`--config-file=${join(directory, 'config')}`, '--nofork'], {
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    systemd = new FakeSystemd();
    end = () => {
      daemon.kill();
      return ended;
    };
    await expect.poll(() => existsSync(socket), { timeout: 20_000 }).toBe(true);
    await expect.poll(() => systemd.join(socket).then(() => true), { timeout: 20_000 }).toBe(true);
  });

  afterEach(async () => {
    await systemd.close();
    await end();
    await rm(directory, { recursive: true });
  });

  /** The daemon checks every message that it passes on, so what it takes is D-Bus. */
  serviceManagerContract('by way of a message bus', async () => ({
    manager: nodeServiceManager({ busSocket: socket, privateSocket: '/nonexistent' }),
    systemd,
  }));
});
