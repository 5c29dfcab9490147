/** What becomes of a user's containers when the user logs out, as docs/service.md tells it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { isAlive } from '../kernel/support/helper-client.ts';
import { HAS_SYSTEMD, installCommand, run, VERSIONS, within } from './support/installed-service.ts';
import { systemctl } from './support/systemd-view.ts';

const TEST_MS = 600_000;
const USER = 'tester';
const KILLING = '/etc/systemd/logind.conf.d/killing.conf';
const START = 'isopod run -d --name one --no-image -- sleep 1000 >/dev/null';
const PID = `isopod inspect one | sed -n 's/^ *"pid": *\\([0-9]*\\).*/\\1/p'`;

/** A login session from its begin to its end, in which a line of the shell is run. */
async function session(line: string): Promise<string> {
  const { code, stdout, stderr } = await run(['su', '-l', USER, '-c', `PATH=/usr/local/bin:$PATH; ${line}`]);
  if (code !== 0) throw new Error(`${line} ended with ${code}: ${stderr}`);
  return stdout.trim();
}

/** What logind says of the sessions that are not over; one whose processes go on is `closing`. */
function sessionStates(): readonly string[] {
  const list = execFileSync('loginctl', ['list-sessions', '--no-legend'], { encoding: 'utf8' });
  const ids = list.split('\n').flatMap((row) => row.trim().split(/\s+/)[0] || []);
  return ids.map((id) =>
    execFileSync('sh', ['-c', `loginctl show-session ${id} -p State --value || true`], { encoding: 'utf8' }).trim(),
  );
}

function isManagerActive(): boolean {
  return systemctl('show', `user@${uid()}.service`, '-p', 'ActiveState', '--value') !== 'inactive';
}

function uid(): string {
  return execFileSync('id', ['-u', USER], { encoding: 'utf8' }).trim();
}

function killProcessesOfUsers(kill: boolean): void {
  mkdirSync('/etc/systemd/logind.conf.d', { recursive: true });
  writeFileSync(KILLING, `[Login]\nKillUserProcesses=${kill ? 'yes' : 'no'}\nUserStopDelaySec=1\n`);
  systemctl('restart', 'systemd-logind');
}

/** Waits until the sessions are in these states and no other. */
async function sessionsBecome(...states: readonly string[]): Promise<void> {
  await within(120, `sessions are ${states.join(', ') || 'gone'}`, () => sessionStates().join() === states.join());
}

describe.skipIf(!HAS_SYSTEMD)('at the logout of a user', () => {
  beforeAll(() => {
    systemctl('unmask', 'systemd-logind');
    systemctl('start', 'dbus.socket', 'systemd-logind');
    execFileSync('useradd', ['-m', '-s', '/bin/sh', USER]);
    installCommand(VERSIONS.this);
  });
  afterEach(async () => {
    execFileSync('sh', ['-c', `loginctl terminate-user ${USER} || true; pkill -KILL -u ${USER} || true`]);
    await within(120, 'the user has no process any more', () => !isManagerActive());
    rmSync(`/home/${USER}/.local`, { recursive: true, force: true });
    rmSync(`/home/${USER}/.config`, { recursive: true, force: true });
  });
  afterAll(() => {
    execFileSync('userdel', ['-r', USER], { stdio: 'ignore' });
    rmSync(KILLING, { force: true });
    rmSync('/usr/local/bin/isopod', { force: true });
    systemctl('stop', 'systemd-logind');
  });

  test(
    'a container of an agent that a command started runs on, and the next session finds it',
    async () => {
      killProcessesOfUsers(false);
      const pid = Number(await session(`${START}; ${PID}`));
      await sessionsBecome('closing');
      expect(isAlive(pid)).toBe(true);
      expect(Number(await session(PID))).toBe(pid);
    },
    TEST_MS,
  );

  test(
    'with KillUserProcesses=yes such a container ends with the session',
    async () => {
      killProcessesOfUsers(true);
      const pid = Number(await session(`${START}; ${PID}`));
      await within(120, 'it was ended', () => !isAlive(pid));
      await sessionsBecome();
    },
    TEST_MS,
  );
});
