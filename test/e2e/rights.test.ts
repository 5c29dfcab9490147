import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { capabilityNames } from '../../src/linux/capabilities.ts';
import { Installation, until } from './support/installation.ts';

const installation = new Installation();
afterAll(() => installation.close());

const APPARMOR = '/sys/module/apparmor/parameters/enabled';
const SETS = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'];
const STATUS = "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status";

/** The lines of /proc/self/status about rights, of a process that a shell has started. */
function fieldsOf(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(text.split('\n').map((line) => line.split(/:\s+/) as [string, string]));
}

const names = (fields: Readonly<Record<string, string>>, set: string): readonly string[] =>
  capabilityNames(BigInt(`0x${fields[set] ?? ''}`));

const inside = async (options: readonly string[], line = STATUS) =>
  fieldsOf(await installation.expect(['run', '--rm', '--no-image', ...options, 'sh', '-c', line]));

const refusal = async (options: readonly string[]): Promise<string> => {
  const { code, stderr } = await installation.run(['run', '--rm', '--no-image', ...options, 'true']);
  return `${code}: ${stderr}`;
};

describe('capabilities', () => {
  test('are more and fewer, as asked', async () => {
    const fields = await inside(['--cap-add', 'NET_RAW,CAP_SYS_CHROOT', '--cap-drop', 'chown']);
    for (const set of ['CapBnd', 'CapPrm', 'CapEff']) {
      expect(names(fields, set), set).toEqual(expect.arrayContaining(['KILL', 'NET_RAW', 'SYS_CHROOT']));
      expect(names(fields, set), set).not.toContain('CHOWN');
    }
  });

  test('are none when all are dropped, and all that the agent has when all are added', async () => {
    const none = await inside(['--cap-drop', 'ALL']);
    for (const set of SETS) expect(none[set], set).toMatch(/^0+$/);
    const all = await inside(['--cap-add', 'ALL']);
    expect(all.CapBnd).toBe(/CapBnd:\s+(\S+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  });

  test('of a user other than root are gone at exec, but for the ambient ones', async () => {
    const plain = await inside(['--user', '65534']);
    expect(names(plain, 'CapEff')).toEqual([]);
    expect(names(plain, 'CapBnd')).toContain('KILL');
    const ambient = await inside(['--user', '65534', '--cap-ambient', 'KILL']);
    for (const set of ['CapEff', 'CapPrm', 'CapInh', 'CapAmb']) expect(names(ambient, set), set).toEqual(['KILL']);
  });

  test('of a first process that only reaps are those of the command', async () => {
    const line = "grep '^Cap' /proc/1/status";
    const plain = await inside(['--init', '--user', '65534'], line);
    for (const set of ['CapEff', 'CapPrm', 'CapInh', 'CapAmb']) expect(names(plain, set), set).toEqual([]);
    const ambient = await inside(['--init', '--user', '65534', '--cap-ambient', 'KILL'], line);
    for (const set of ['CapEff', 'CapPrm', 'CapInh', 'CapAmb']) expect(names(ambient, set), set).toEqual(['KILL']);
    expect(names(await inside(['--init'], line), 'CapEff')).toContain('CHOWN');
  });

  test('open the calls that go with them in the profile of system calls', async () => {
    const hostname = 'hostname "$(hostname)" 2>/dev/null && echo set: it || echo set: refused';
    expect(await inside([], hostname)).toEqual({ set: 'refused' });
    expect(await inside(['--cap-add', 'SYS_ADMIN'], hostname)).toEqual({ set: 'it' });
  });

  test('that do not fit together are refused with both', async () => {
    expect(await refusal(['--cap-ambient', 'NET_RAW'])).toMatch(
      /^125: .*NET_RAW of the inheritable .*not among the bounding/,
    );
    expect(await refusal(['--cap-add', 'FLY'])).toMatch(/^125: .*no capability is called FLY/);
    expect(await refusal(['--cap-add', 'KILL', '--isolation', 'linux/nnp'])).toMatch(/work of linux\/capabilities/);
  });
});

describe('no_new_privs', () => {
  test('is on unless the container asks to do without', async () => {
    expect((await inside([])).NoNewPrivs).toBe('1');
    const without = await inside(['--security-opt', 'no-new-privileges=false']);
    expect(without).toMatchObject({ NoNewPrivs: '0', Seccomp: '2' });
  });
});

describe('labels of security modules', () => {
  test('are refused where no module of the kernel enforces them, and their lack is not', async ({ skip }) => {
    const modules = existsSync(APPARMOR) ? readFileSync(APPARMOR, 'utf8').trim() : 'N';
    if (modules === 'Y') return skip('this kernel has AppArmor');
    expect(await refusal(['--security-opt', 'apparmor=docker-default'])).toMatch(/^125: .*apparmor is not active/);
    expect(await refusal(['--security-opt', 'apparmor=unconfined', '--security-opt', 'label=disable'])).toBe('0: ');
  });
});

describe('an exec session', () => {
  let uid = '';
  beforeAll(async () => {
    const options = ['--cap-add', 'NET_RAW', '--cap-drop', 'KILL', '--cap-ambient', 'CHOWN'];
    uid = await installation.expect(['run', '-d', '--no-image', ...options, 'sleep', '1000']);
  });

  test('has the five sets of the first process', async () => {
    const [{ pid }] = JSON.parse(await installation.expect(['inspect', uid]));
    const theirs = readFileSync(`/proc/${pid}/status`, 'utf8');
    const session = fieldsOf(await installation.expect(['exec', uid, 'sh', '-c', STATUS]));
    for (const set of [...SETS, 'NoNewPrivs']) {
      expect(session[set], set).toBe(new RegExp(`^${set}:\\s+(\\S+)$`, 'm').exec(theirs)?.[1]);
    }
  });

  test('gets no more than its container, and is told so', async () => {
    const { code, stderr } = await installation.run(['exec', '--privileged', uid, 'true']);
    expect([code, stderr]).toEqual([expect.any(Number), expect.stringMatching(/none beyond.*--cap-add/s)]);
    expect(code).not.toBe(0);
  });
});

describe('an agent with bounds', () => {
  const bounded = new Installation();
  let agent: ChildProcess;
  beforeAll(async () => {
    const flags = ['--bounding-capabilities', 'KILL,CHOWN,NET_RAW', '--effective-capabilities', 'KILL'];
    agent = bounded.start(['agent', ...flags, '--force-no-new-privileges']);
    await until('it serves', () => existsSync(join(bounded.state, 'agent.sock')));
  });
  afterAll(async () => {
    await bounded.close();
    agent.kill();
  });

  test('grants what it says, gives what it permits, and refuses the rest by name', async () => {
    const run = (options: readonly string[]) =>
      bounded.run(['run', '--rm', '--no-image', ...options, 'sh', '-c', STATUS]);
    expect(names(fieldsOf((await run([])).stdout), 'CapBnd')).toEqual(['KILL']);
    expect(names(fieldsOf((await run(['--cap-add', 'NET_RAW'])).stdout), 'CapBnd')).toEqual(['KILL', 'NET_RAW']);
    expect(names(fieldsOf((await run(['--cap-add', 'ALL'])).stdout), 'CapBnd')).toEqual(['CHOWN', 'KILL', 'NET_RAW']);
    expect((await run(['--cap-add', 'SYS_ADMIN'])).stderr).toMatch(/SYS_ADMIN.*no more than KILL, CHOWN, NET_RAW/);
    expect((await run(['--security-opt', 'no-new-privileges=false'])).stderr).toMatch(/the agent forces it/);
  });
});

interface Row {
  readonly topic: string;
  readonly subject: string;
  readonly probed: string;
  readonly verdict: string;
}

describe('a security report', () => {
  const report = async (...options: string[]): Promise<readonly Row[]> => {
    const { stdout, stderr } = await installation.run(['run', '--security-report', '--json', ...options, 'hello']);
    expect(stderr).toBe('');
    const { rows } = JSON.parse(stdout) as { readonly rows: readonly Row[] };
    expect(rows.filter(({ verdict }) => verdict !== 'agrees')).toEqual([]);
    return rows;
  };

  test('of a privileged container shows that nothing is hidden, filtered or bounded', async () => {
    const rows = await report('--privileged');
    expect(rows.filter(({ topic }) => topic === 'masked paths' || topic === 'read-only paths')).toEqual([]);
    const probed = (subject: string) => rows.find((row) => row.subject === subject)?.probed;
    expect(probed('filter')).toBe('not filtered');
    expect(probed('no_new_privs')).toBe('exec may gain rights');
    expect(probed('in effect')).toContain('SYS_ADMIN');
    expect(probed('/sys/fs/cgroup')).not.toBe('refused (EROFS)');
  });

  test('tells paths that were masked and unmasked', async () => {
    const rows = await report('--security-opt', 'mask=/sys/kernel', '--security-opt', 'unmask=/proc/keys:/proc/sys');
    const subjects = rows
      .filter(({ topic }) => topic.endsWith('paths'))
      .map(({ topic, subject }) => `${topic} ${subject}`);
    expect(subjects).toContain('masked paths /sys/kernel');
    expect(subjects).not.toContain('masked paths /proc/keys');
    expect(subjects).not.toContain('read-only paths /proc/sys');
  });
});

test('a privileged container has the devices of the host, and none in a user namespace', async () => {
  const explained = await installation.expect(['explain', '--privileged', 'hello']);
  expect(explained).toMatch(/may do with devices +cgroups\/devices +a \*:\* rwm/);
  const { stderr } = await installation.run(['run', '--rm', '--privileged', '--userns', 'auto', 'hello']);
  expect(stderr).toMatch(/root of the host, and in a user namespace of its own it has none/);
});
