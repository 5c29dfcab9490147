import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cgroupsCpu } from '../../src/isolators/cgroups/cpu.ts';
import { cgroupsMemory } from '../../src/isolators/cgroups/memory.ts';
import { isolatedGroups } from '../../src/isolators/contribute.ts';
import type { ContainerRequest } from '../../src/model/check-request.ts';
import type { ContainerConfig } from '../../src/model/container-config.ts';
import { completeExecConfig } from '../../src/model/container-request.ts';
import type { EngineError } from '../../src/model/error.ts';
import { FAILURE_PHASE } from '../../src/model/wire.ts';
import { describeFailure } from '../../src/plan/describe-failure.ts';
import { encodeLaunch } from '../../src/plan/encode.ts';
import { encodeSession } from '../../src/plan/encode-session.ts';
import { failure, output } from './support/launches.ts';
import { PlannedHost } from './support/planned-host.ts';

const V1_LIMITS = ['memory/memory.limit_in_bytes', 'pids/pids.max', 'cpu/cpu.cfs_quota_us'];
const UNIFIED_LIMITS = ['memory.max', 'pids.max', 'cpu.max'];

let host: PlannedHost;

beforeAll(async () => {
  host = new PlannedHost();
  await host.start();
});

afterAll(() => host.stop());

/** What a shell script prints in a container. */
async function run(script: string, request: Partial<ContainerRequest> = {}): Promise<string> {
  const { plan, channel } = await host.plan({ command: ['/bin/sh', '-c', script], ...request });
  const { text, waitStatus } = await output(host.helper, encodeLaunch(plan, channel));
  expect(waitStatus, text).toBe(0);
  return text;
}

async function refused(request: Partial<ContainerRequest>): Promise<EngineError> {
  const { plan, channel } = await host.plan(request);
  const encoded = encodeLaunch(plan, channel);
  const { phase, step, errno, detail } = await failure(host.helper, encoded);
  const name = Object.entries(FAILURE_PHASE).find(([, number]) => number === phase)?.[0];
  return describeFailure(encoded, { phase: name as 'child', stepIndex: step, errno, detail });
}

describe.skipIf(!PlannedHost.isPossible)('a planned launch', () => {
  test('is pid 1 with a name, a loopback and nothing else of its own', async () => {
    const text = await run('echo $$; hostname; echo $HOSTNAME; ls /sys/class/net; ls /proc | grep -c "^[0-9]"');
    expect(text).toMatch(/^1\n(\d{12})\n\1\nlo\n/);
  });

  test('has the nine capabilities, none to pass on, and gains no others', async () => {
    const status = await run('grep -E "^(Cap|NoNewPrivs)" /proc/self/status');
    for (const set of ['Prm', 'Eff', 'Bnd']) expect(status).toContain(`Cap${set}:\t00000000000005fb`);
    for (const set of ['Inh', 'Amb']) expect(status).toContain(`Cap${set}:\t0000000000000000`);
    expect(status).toContain('NoNewPrivs:\t1');
  });

  test('has a /dev of its own with what programs expect', async () => {
    const text = await run('ls /dev; stat -c %a /dev/shm; readlink /dev/fd; echo x > /dev/null; ls /dev/pts');
    expect(text.split('\n').slice(0, 14).join(' ')).toBe(
      'core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom',
    );
    expect(text).toContain('1777\n/proc/self/fd\nptmx');
  });

  test('sees its own limits and cannot change them', async () => {
    const resources = { memoryLimitBytes: 64 << 20, pidsLimit: 50, cpuMillis: 500 };
    const { unified } = host;
    const files = unified ? UNIFIED_LIMITS : V1_LIMITS;
    const script = `cd /sys/fs/cgroup; cat ${files.join(' ')}; (echo 1 > ${files[1]}) 2>&1`;
    const text = await run(`${script} || cat /proc/self/cgroup`, { resources });
    expect(text).toContain(unified ? '67108864\n50\n50000 100000\n' : '67108864\n50\n50000\n');
    expect(text).toContain('Read-only file system');
    expect(text).toMatch(unified ? /^0::\/\n/m : /memory:\/\n/);
  });

  test('has hidden paths empty and kernel settings read-only', async () => {
    const text = await run(
      'wc -c < /proc/keys; ls /sys/firmware; (echo 1 > /proc/sys/kernel/hostname) 2>&1 || echo no',
    );
    expect(text).toMatch(/^0\n.*Read-only file system\nno\n$/s);
  });

  test('shows nothing of the host in its mount table', async () => {
    // The kernel lists mounts as they were made, and who is first of child and monitor is open.
    const mounts = (await run('cat /proc/self/mounts')).trim().split('\n');
    const others = mounts.filter((mount) => !mount.startsWith('overlay / overlay rw'));
    expect(others).toHaveLength(mounts.length - 1);
    expect(others.length).toBeGreaterThan(10);
    for (const mount of others) expect(mount).toMatch(/^\S+ \/(proc|sys|dev)/);
  });

  test('runs as a user of the image, with its groups and home', async () => {
    const text = await run('id; echo $HOME; grep CapEff /proc/self/status', { user: 'web' });
    expect(text).toContain('uid=1000(web) gid=1000(web) groups=1000(web),2000(extra)');
    expect(text).toContain('/home/web\nCapEff:\t0000000000000000');
  });

  test('starts in a working directory that did not exist, even when its root is read-only', async () => {
    const request = { workdir: '/new/place', readOnlyRootfs: true };
    expect(await run('pwd; touch x 2>&1 || echo no', request)).toMatch(/^\/new\/place\n.*Read-only.*\nno\n$/s);
  });

  test('sees a file and a directory of the host, the one read-only', async () => {
    const source = join(host.helper.directory, 'volume');
    mkdirSync(source);
    writeFileSync(join(source, 'file'), 'hello');
    const volumes = [
      { kind: 'host-path', hostPath: source, containerPath: '/mnt/deep/dir', readOnly: false },
      { kind: 'host-path', hostPath: join(source, 'file'), containerPath: '/mnt/file', readOnly: true },
    ] as const;
    const text = await run('cat /mnt/file; echo x > /mnt/deep/dir/made; echo x > /mnt/file || echo no', { volumes });
    expect(text).toBe('hellono\n');
    expect(existsSync(join(source, 'made'))).toBe(true);
  });

  test("with the host's network resolves as the host does", async () => {
    const text = await run('cat /etc/hostname /etc/hosts; readlink /proc/self/ns/net', { network: 'host' });
    expect(text).toMatch(/^(\d{12})\n.*127\.0\.1\.1\t\1\n/s);
    expect(text).toContain(readlinkSync('/proc/self/ns/net'));
  });

  test("without an image is in its sandbox on the host's tree, with its own /proc", async () => {
    const text = await run('pwd; echo $$; cat /proc/self/comm', { rootfs: { kind: 'none' } });
    expect(text).toMatch(/\/sandbox\n1\ncat\n$/);
  });

  test('of a directory leaves it as it was when read-only', async () => {
    const root = { kind: 'directory', path: host.lower } as const;
    for (const name of ['proc', 'sys', 'dev']) mkdirSync(join(host.lower, name), { recursive: true });
    const text = await run('touch /x 2>&1 || echo no; echo $$', { rootfs: root, readOnlyRootfs: true });
    expect(text).toMatch(/Read-only file system\nno\n1\n$/);
    for (const name of ['proc', 'sys', 'dev']) rmSync(join(host.lower, name), { recursive: true });
  });

  test.each([
    [[]],
    [['cgroups/memory']],
    [['filesystem/linux']],
    [['network/none']],
    [['namespaces/uts', 'linux/nnp']],
    [['filesystem/linux', 'namespaces/pid']],
    [['linux/capabilities']],
  ])('with the isolators %j has exactly their namespaces', async (isolation) => {
    const kinds = ['mnt', 'pid', 'net', 'uts', 'ipc', 'cgroup'];
    const script = kinds.map((kind) => `readlink /proc/self/ns/${kind}`).join(';');
    const text = await run(script, { rootfs: { kind: 'none' }, isolation });
    const own = kinds.filter((kind, index) => text.split('\n')[index] !== readlinkSync(`/proc/self/ns/${kind}`));
    const wanted = new Map([
      ['mnt', 'filesystem/linux'],
      ['pid', 'namespaces/pid'],
      ['net', 'network/none'],
      ['uts', 'namespaces/uts'],
    ]);
    expect(own).toEqual(kinds.filter((kind) => isolation.includes(wanted.get(kind) ?? '')));
  });

  test('that exceeds its memory is ended, and its isolator says why', async () => {
    const command = ['/bin/sh', '-c', 'x=aaaaaaaa; while :; do x=$x$x; done'];
    const { plan, channel } = await host.plan({ command, resources: { memoryLimitBytes: 16 << 20 } });
    const { waitStatus } = await output(host.helper, encodeLaunch(plan, channel));
    expect(waitStatus & 0x7f).toBe(9);
    const { files } = host.effects;
    const container = { uid: plan.uid, config: {} as ContainerConfig, runtimeDir: '', groups: isolatedGroups(plan) };
    const limitation = await cgroupsMemory({ files }).limitation?.(container);
    expect(limitation?.message).toMatch(
      /^the memory limit of 16 MiB was hit: 1 process was killed .* peak use 16 MiB$/,
    );
    const usage = await cgroupsCpu({ files }).usage?.(container);
    expect(usage?.cpuUsageNs).toBeGreaterThan(0);
  });

  test('with a terminal has it as its controlling one, of the size asked for', async () => {
    const script = 'test -t 0 && stty size; tty; ls /dev/console; echo $TERM';
    const { plan, channel } = await host.plan({
      ...{ command: ['/bin/sh', '-c', script], terminal: true, terminalSize: { rows: 41, columns: 121 } },
    });
    const { text } = await output(host.helper, encodeLaunch(plan, channel));
    expect(text.split('\r\n')).toEqual(['41 121', '/dev/pts/0', '/dev/console', 'xterm', '']);
  });

  test('is entered by a session with the very same rights', async () => {
    const { plan, channel } = await host.plan({ command: ['/bin/sleep', '60'] });
    const { pid, startTime } = await host.helper.run(encodeLaunch(plan, channel));
    const script = 'grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status; readlink /proc/self/ns/pid';
    const exec = completeExecConfig(plan.uid, { command: ['/bin/sh', '-c', script] });
    const sessionChannel = { ...host.channel('session'), stateDirectory: '' };
    const session = encodeSession({ plan, exec, init: { pid, startTime }, channel: sessionChannel });
    const logDirectory = join(host.helper.directory, 'session-logs');
    mkdirSync(logDirectory);
    const { text } = await output(host.helper, {
      ...session,
      logFormat: 2,
      logDirectory,
      logMaxBytes: 1 << 20,
      logMaxFiles: 1,
    });
    const init = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n');
    const lines = init.filter((line) => /^(Cap|NoNewPrivs|Seccomp:)/.test(line));
    expect(text).toBe(`${lines.join('\n')}\n${readlinkSync(`/proc/${pid}/ns/pid`)}\n`);
  });
});

describe.skipIf(!PlannedHost.isPossible)('a launch that cannot be', () => {
  test.each<[string, Partial<ContainerRequest>, string]>([
    ['an unknown command', { command: ['/bin/nope'] }, 'plan.commandNotFound'],
    ['a data file as command', { command: ['/etc/data'] }, 'plan.commandNotExecutable'],
    ['a directory as command', { command: ['/etc'] }, 'plan.commandNotExecutable'],
    ['an unknown user', { command: ['sh'], user: 'nobody-here' }, 'plan.unknownUser'],
    ['an unknown group', { command: ['sh'], user: 'web:nobody-here' }, 'plan.unknownUser'],
    ['a working directory that is a file', { command: ['sh'], workdir: '/etc/passwd' }, 'plan.workdirRefused'],
  ])('%s has an error of its own', async (_, request, code) => {
    expect(await refused(request)).toMatchObject({ code });
  });

  test('a root file system that became a link is refused by the kernel too', async () => {
    const directory = join(host.helper.directory, 'turned');
    mkdirSync(directory);
    const { plan, channel } = await host.plan({ rootfs: { kind: 'directory', path: directory }, command: ['sh'] });
    rmSync(directory, { recursive: true });
    symlinkSync(host.lower, directory);
    const encoded = encodeLaunch(plan, channel);
    const { step, errno, detail } = await failure(host.helper, encoded);
    const error = describeFailure(encoded, { phase: 'child', stepIndex: step, errno, detail });
    expect(error).toMatchObject({ code: 'plan.rootfsNotDirectory', kind: 'invalid-argument' });
  });

  test('an image whose /proc is a link is refused', async () => {
    symlinkSync('/etc', join(host.lower, 'proc'));
    try {
      expect(await refused({ command: ['sh'] })).toMatchObject({ code: 'plan.linkOnPath' });
    } finally {
      rmSync(join(host.lower, 'proc'));
    }
  });
});
