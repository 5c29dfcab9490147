/** The shipped units of systemd, as they are. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isAlive } from '../kernel/support/helper-client.ts';
import {
  expectIsopod,
  HAS_SYSTEMD,
  installCommand,
  installUnits,
  isopod,
  mainPid,
  removeService,
  serviceProperty,
  VERSIONS,
  Waiting,
  within,
} from './support/installed-service.ts';
import { systemctl } from './support/systemd-view.ts';

const TEST_MS = 600_000;
const SERVICE = 'isopod.service';

interface JournalLine {
  readonly PRIORITY: string;
  readonly MESSAGE: string;
}

/** What the agent has said, as the journal has it. */
function journal(): readonly { readonly priority: string; readonly line: Record<string, unknown> }[] {
  const words = ['-u', SERVICE, '-o', 'json', '--no-pager', '--output-fields=PRIORITY,MESSAGE'];
  const lines = execFileSync('journalctl', words, { encoding: 'utf8' }).split('\n').filter(Boolean);
  return lines.flatMap((text) => {
    const { PRIORITY: priority, MESSAGE } = JSON.parse(text) as JournalLine;
    return typeof MESSAGE === 'string' && MESSAGE.startsWith('{') ? [{ priority, line: JSON.parse(MESSAGE) }] : [];
  });
}

async function agentVersion(): Promise<unknown> {
  const { agent } = JSON.parse(await expectIsopod('version', '--json'));
  return { version: agent.version, protocol: agent.protocol };
}

async function replaceBy(directory: string): Promise<void> {
  installCommand(directory);
  systemctl('restart', SERVICE);
}

describe.skipIf(!HAS_SYSTEMD)('the shipped units', () => {
  beforeAll(() => {
    installCommand(VERSIONS.this);
    installUnits();
    systemctl('daemon-reload');
  });
  afterAll(async () => {
    const names = (await expectIsopod('ps', '-aq')).split('\n').filter(Boolean);
    if (names.length > 0) await expectIsopod('rm', '-f', ...names);
    removeService();
  });

  test(
    'are accepted, and the first client of the socket starts an agent, which is ready once it answers',
    async () => {
      const verified = execFileSync('systemd-analyze', ['verify', SERVICE, 'isopod.socket'], { encoding: 'utf8' });
      expect(verified).toBe('');
      systemctl('enable', '--now', 'isopod.socket');
      expect(serviceProperty('ActiveState')).toBe('inactive');
      expect(await expectIsopod('ps', '-q')).toBe('');
      expect(serviceProperty('ActiveState')).toBe('active');
      expect(serviceProperty('StatusText')).toBe('0 containers, 0 of them run');
      await within(60, 'the journal has what the agent said', () =>
        journal().some(({ line }) => line.msg === 'agent is ready'),
      );
      const ready = journal().find(({ line }) => line.msg === 'agent is ready');
      expect(ready).toMatchObject({ priority: '6', line: { level: 30, pid: mainPid() } });
    },
    TEST_MS,
  );

  test(
    'let containers run on through a stop; the next client starts an agent that tells how they ended',
    async () => {
      const [ended, running] = [new Waiting('ended'), new Waiting('running')];
      const endedPid = await ended.start();
      const runningPid = await running.start();
      const agent = mainPid();
      systemctl('stop', SERVICE);
      expect(isAlive(agent)).toBe(false);
      expect([isAlive(endedPid), isAlive(runningPid)]).toEqual([true, true]);
      ended.end();
      await within(60, 'it has ended while no agent was there', () => !isAlive(endedPid));
      expect(serviceProperty('ActiveState')).toBe('inactive');
      expect((await isopod(['wait', 'ended'])).stdout).toBe('7\n');
      expect(await running.pid()).toBe(runningPid);
      systemctl('restart', SERVICE);
      expect(await running.pid()).toBe(runningPid);
      const { stdout, code } = await running.attachAndEnd();
      expect({ code, said: stdout.includes('said') }).toEqual({ code: 7, said: true });
    },
    TEST_MS,
  );

  test(
    'take over what runs when another version is put in place, and when that is taken back',
    async () => {
      const [old, kept] = [new Waiting('old'), new Waiting('kept')];
      const pids = [await old.start(), await kept.start()];
      await replaceBy(VERSIONS.next);
      expect(await agentVersion()).toEqual({ version: '99.0.0', protocol: 3 });
      expect([await old.pid(), await kept.pid()]).toEqual(pids);
      expect(await old.attachAndEnd()).toMatchObject({ code: 7, stdout: expect.stringContaining('said') });
      const newer = new Waiting('newer');
      const newerPid = await newer.start();
      await replaceBy(VERSIONS.this);
      expect(await agentVersion()).toMatchObject({ protocol: 2 });
      expect([await kept.pid(), await newer.pid()]).toEqual([pids[1], newerPid]);
      const refused = await isopod(['attach', '--no-stdin', 'newer']);
      expect(refused.stderr).toContain('speaks protocol version 3, this agent 1 to 2');
      expect(journal().some(({ line }) => line.msg === 'its monitor is of another version')).toBe(true);
      await expectIsopod('kill', 'newer');
      expect((await isopod(['wait', 'newer'])).stdout).toBe('137\n');
      expect(await kept.attachAndEnd()).toMatchObject({ code: 7, stdout: expect.stringContaining('said') });
    },
    TEST_MS,
  );

  test(
    'replace an agent that hangs, and its containers run on',
    async () => {
      const running = new Waiting('through-a-hang');
      const pid = await running.start();
      const agent = mainPid();
      process.kill(agent, 'SIGSTOP');
      await within(300, 'systemd has started another agent', () => ![0, agent].includes(mainPid()));
      expect(isAlive(agent)).toBe(false);
      expect(await running.pid()).toBe(pid);
      expect(Number(serviceProperty('NRestarts'))).toBe(1);
      running.end();
      expect((await isopod(['wait', running.name])).stdout).toBe('7\n');
    },
    TEST_MS,
  );
});
