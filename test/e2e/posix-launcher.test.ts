import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Installation, until } from './support/installation.ts';

/** A shell that leaves a daemon with a session of its own behind, and tells both pids. */
const DAEMON = '(setsid sh -c "echo daemon \\$\\$; exec sleep 1000" &); echo first $$; exec sleep 1000';

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`) && !/^State:\tZ/m.test(statusOf(pid));

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return 'State:\tZ'; // it has just ended
  }
}

class PosixInstallation extends Installation {
  #agent: ChildProcess | undefined;

  async serve(): Promise<void> {
    this.#agent = this.start(['agent', '--launcher', 'posix', '--disk-watch-interval', '100ms']);
    await until('the agent listens', () => existsSync(join(this.state, 'agent.sock')));
  }

  async killAgent(): Promise<void> {
    const agent = this.#agent;
    const ended = new Promise((resolve) => agent?.once('exit', resolve));
    agent?.kill('SIGKILL');
    await ended;
    rmSync(join(this.state, 'agent.sock'));
  }

  /** Runs the daemon line. @returns uid of the container and both pids */
  async daemon(name: string): Promise<{ readonly uid: string; readonly first: number; readonly daemon: number }> {
    const uid = await this.expect(['run', '-d', '--name', name, '--no-image', 'sh', '-c', DAEMON]);
    const pids = new Map<string, number>();
    await until('both pids are in the log', async () => {
      for (const line of (await this.expect(['logs', uid])).split('\n')) {
        const [who = '', pid] = line.split(' ');
        pids.set(who, Number(pid));
      }
      return pids.has('first') && pids.has('daemon');
    });
    return { uid, first: pids.get('first') ?? 0, daemon: pids.get('daemon') ?? 0 };
  }
}

describe('launcher posix, for root', () => {
  const installation = new PosixInstallation();
  beforeAll(() => installation.serve());
  afterAll(() => installation.close());

  test('makes no namespace and no group', async () => {
    const line = 'readlink /proc/self/ns/mnt /proc/self/ns/pid /proc/self/ns/net; cat /proc/self/cgroup';
    const printed = await installation.expect(['run', '--rm', '--no-image', 'sh', '-c', line]);
    for (const kind of ['mnt', 'pid', 'net']) expect(printed).toContain(readlinkSync(`/proc/self/ns/${kind}`));
    expect(printed).not.toContain('/containers/');
  });

  test('takes away the rights that it can, and sets limits', async () => {
    const line = 'grep NoNewPrivs /proc/self/status; ulimit -n';
    const words = ['run', '--rm', '--no-image', '--ulimit', 'nofile=99', 'sh', '-c', line];
    expect(await installation.expect(words)).toMatch(/^NoNewPrivs:\t1\n99$/);
  });

  test.each([
    ['an image', ['no-such-image', 'true']],
    ['a cpu limit', ['--cpus', '1', '--no-image', 'true']],
    ['a host name', ['--hostname', 'x', '--no-image', 'true']],
  ])('refuses %s by name, without looking for it', async (_, words) => {
    const { code, stderr } = await installation.run(['run', '--rm', ...words]);
    expect(code).toBe(125);
    expect(stderr).toMatch(/launcher posix has no place for it\n.*--launcher linux/);
  });

  test('kills what is beyond its memory limit, all of it, and tells limit and use', async () => {
    const line = '(setsid sleep 1000 & echo $!); head -c 60000000 /dev/zero | tail -c 60000000 | sleep 1000';
    const words = ['run', '--name', 'hog', '-m', '32m', '--no-image', 'sh', '-c', line];
    const { code, stdout, stderr } = await installation.run(words);
    expect(code).toBe(137);
    expect(stderr).toMatch(/the memory limit of 32 MiB was passed: [\d.]+ MiB were in use by \d+ processes/);
    expect(isAlive(Number(stdout))).toBe(false);
    const [{ termination }] = JSON.parse(await installation.expect(['inspect', 'hog']));
    expect(termination).toMatchObject({ reason: 'limitation', limitations: [{ isolator: 'posix/memory', times: 1 }] });
    await installation.expect(['rm', 'hog']);
  });

  test('kills what keeps more on disk than its limit, in log and sandbox directory together, and tells limit and use', async () => {
    const line = 'head -c 6000000 /dev/zero; sleep 1000';
    const uid = await installation.expect(['run', '-d', '--disk', '8m', '--no-image', 'sh', '-c', line]);
    const diskOf = async () => JSON.parse(await installation.expect(['stats', '--json', uid])).containers[0].disk;
    await until('the log is counted', async () => (await diskOf())?.usedBytes > 6_000_000);
    const [{ sandboxDir, state, disk }] = JSON.parse(await installation.expect(['inspect', uid]));
    expect({ state, disk }).toEqual({
      state: 'running',
      disk: { limitBytes: 8 << 20, enforcedBy: 'accounting' },
    });
    writeFileSync(join(sandboxDir, 'file'), Buffer.alloc(4 << 20, 1));
    expect(await installation.expect(['wait', uid])).toBe('137');
    const [{ termination }] = JSON.parse(await installation.expect(['inspect', uid]));
    expect(termination).toMatchObject({
      reason: 'limitation',
      message: expect.stringMatching(/^the disk limit of 8 MiB was passed: [\d.]+ MiB were in use/),
      limitations: [{ isolator: 'posix/disk', resource: 'disk', times: 1 }],
    });
    await installation.expect(['rm', uid]);
  });

  test('counts what is kept on disk without a limit, and refuses what it cannot keep one by', async () => {
    const uid = await installation.expect([
      'run',
      '-d',
      '--no-image',
      'sh',
      '-c',
      'head -c 2500000 /dev/zero; sleep 1000',
    ]);
    const diskOf = async () => JSON.parse(await installation.expect(['stats', '--json', uid])).containers[0].disk;
    await until('the log is counted', async () => (await diskOf())?.usedBytes > 2_000_000);
    expect(await diskOf()).toEqual({ enforcedBy: 'nothing', usedBytes: expect.any(Number) });
    await installation.expect(['rm', '-f', uid]);
    const words = ['run', '--rm', '--disk', '8m', '--disk-enforcement', 'image', '--no-image', 'true'];
    expect(await installation.run(words)).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('the launcher posix only counts'),
    });
  });

  test('counts what it uses, and takes another limit while it runs', async () => {
    const line =
      'i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done; head -c 40000000 /dev/zero | tail -c 40000000 | sleep 1000';
    const uid = await installation.expect(['run', '-d', '-m', '512m', '--no-image', 'sh', '-c', line]);
    await until('it is counted', async () => {
      const {
        containers: [one],
      } = JSON.parse(await installation.expect(['stats', '--json', uid]));
      return one.usage.cpuUsageNs > 0 && one.usage.memoryBytes > 40_000_000 && one.usage.pids >= 2;
    });
    await installation.expect(['update', '-m', '16m', uid]);
    expect(await installation.expect(['wait', uid])).toBe('137');
    await installation.expect(['rm', uid]);
  });

  test('ends the whole tree with a stop, sessions of its own and daemons included', async () => {
    const { uid, first, daemon } = await installation.daemon('stopped');
    const session = await installation.expect(['exec', uid, 'sh', '-c', 'setsid sleep 1000 >/dev/null 2>&1 & echo $!']);
    await installation.expect(['stop', '-t', '1', uid]);
    await until('all have ended', () => ![first, daemon, Number(session)].some(isAlive));
  });

  test('ends what the first process leaves behind before it tells its end', async () => {
    const line = '(setsid sh -c "echo \\$\\$; exec sleep 1000" & ) ; sleep 0.1; exit 7';
    const { code, stdout } = await installation.run(['run', '--rm', '--no-image', 'sh', '-c', line]);
    expect(code).toBe(7);
    expect(isAlive(Number(stdout))).toBe(false);
  });

  test('finds a container again after kill -9 of the agent', async () => {
    const { uid, first, daemon } = await installation.daemon('found');
    await installation.killAgent();
    await installation.serve();
    expect(await installation.expect(['exec', uid, 'echo', 'again'])).toBe('again');
    await installation.expect(['rm', '-f', uid]);
    expect([first, daemon].some(isAlive)).toBe(false);
  });

  test('ends a container whose monitor is killed, all of it, and tells it as lost', async () => {
    const { uid, first, daemon } = await installation.daemon('lost');
    const monitor = Number(/^PPid:\t(\d+)/m.exec(statusOf(first))?.[1]);
    process.kill(monitor, 'SIGKILL');
    await until('all have ended', () => ![first, daemon].some(isAlive));
    await until('it is told', async () => (await installation.expect(['ps', '-a'])).includes('lost'));
    await installation.expect(['rm', uid]);
  });
});

/** A user other than root may not enter every checkout, so the program is put where it may. */
describe('another user than root', () => {
  const directory = mkdtempSync('/tmp/isopod-posix-user-');
  const build = join(import.meta.dirname, '../../.build');
  const home = join(directory, 'home');
  const user = 65_534;
  const environment = { PATH: process.env.PATH, HOME: home, XDG_RUNTIME_DIR: join(home, 'run') };

  const isopod = (...words: readonly string[]) =>
    new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) => {
      const child = spawn(join(directory, 'node'), ['--', join(directory, '.build/isopod.cjs'), ...words], {
        env: environment,
        cwd: '/',
        uid: user,
        gid: user,
      });
      const said = { stdout: '', stderr: '' };
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said.stdout += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said.stderr += text;
      });
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, ...said }));
    });

  beforeAll(() => {
    chmodSync(directory, 0o755);
    mkdirSync(join(directory, '.build'));
    mkdirSync(join(home, 'run'), { recursive: true });
    execFileSync('chown', ['-R', `${user}:${user}`, home]);
    const programs = readdirSync(build).filter((name) => name.endsWith('.cjs') || /^isopod-[a-z]+$/.test(name));
    for (const name of programs) {
      copyFileSync(join(build, name), join(directory, '.build', name));
      chmodSync(join(directory, '.build', name), 0o755);
    }
    try {
      linkSync(process.execPath, join(directory, 'node'));
    } catch {
      copyFileSync(process.execPath, join(directory, 'node')); // another file system
    }
  });

  afterAll(async () => {
    const { stdout } = await isopod('version', '--json');
    const { pid } = JSON.parse(stdout).agent;
    process.kill(pid, 'SIGTERM');
    await until('the agent has ended', () => !isAlive(pid));
    rmSync(directory, { recursive: true });
  });

  test('runs a command as itself, with directories of its own', async () => {
    const line = 'id -u; echo $HOME; grep NoNewPrivs /proc/self/status';
    const ran = await isopod('run', '--rm', '--no-image', 'sh', '-c', line);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringMatching(/^65534\n.*\nNoNewPrivs:\t1\n$/s) });
    expect(existsSync(join(home, '.local/share/isopod/containers'))).toBe(true);
  });

  test('has its containers listed, entered and ended', async () => {
    const { stdout } = await isopod('run', '-d', '--no-image', '--ulimit', 'nofile=77', 'sleep', '1000');
    const uid = stdout.trim();
    expect((await isopod('ps', '-q')).stdout.trim()).toBe(uid);
    expect(await isopod('exec', uid, 'sh', '-c', 'ulimit -n; exit 4')).toMatchObject({ code: 4, stdout: '77\n' });
    expect(await isopod('rm', '-f', uid)).toMatchObject({ code: 0 });
    expect((await isopod('ps', '-aq')).stdout).toBe('');
  });

  test('may bind itself by rules for files, be killed earlier, and have secret variables', async () => {
    const key = join(home, 'key');
    writeFileSync(key, 'the secret');
    const line = 'echo $K; cat /proc/self/oom_score_adj; touch "$HOME/made" 2>/dev/null || echo refused';
    const options = ['--landlock', 'rx:/', '--oom-score-adj', '77', '--secret', `k,source=${key},type=env,target=K`];
    const ran = await isopod('run', '--rm', '--no-image', ...options, 'sh', '-c', line);
    expect(ran).toMatchObject({ code: 0, stdout: 'the secret\n77\nrefused\n' });
    const words = ['--landlock', 'rx:/', '--security-opt', 'no-new-privileges=false', 'true'];
    expect(await isopod('run', '--rm', '--no-image', ...words)).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('without no_new_privs only root may'),
    });
  });

  test('has a terminal of its own', async () => {
    const line = 'test "$(stat -c %u "$(tty)")" = "$(id -u)" && echo mine >/dev/tty';
    const ran = await isopod('run', '--rm', '--no-image', '-t', 'sh', '-c', line);
    expect(ran).toMatchObject({ code: 0, stdout: 'mine\r\n' });
  });

  test('has a security report that is proved in every line', async () => {
    const { code, stdout } = await isopod('run', '--security-report', '--json', '--no-image');
    expect(JSON.parse(stdout).rows.filter(({ verdict }: { verdict: string }) => verdict !== 'agrees')).toEqual([]);
    expect(code).toBe(0);
  });

  test('is told by doctor what it can do, tried for real, and what root would add', async () => {
    const { code, stdout } = await isopod('doctor');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ok {6}all of it together: works\n(root {4}.*\n)+ok {6}records of containers: all can/m);
  });

  test('cannot become another user, nor have what needs root, and is told so', async () => {
    const other = await isopod('run', '--rm', '--no-image', '--user', '0', 'true');
    expect(other).toMatchObject({ code: 125, stderr: expect.stringContaining('cannot become another') });
    const rights = await isopod('run', '--rm', '--no-image', '--cap-drop', 'ALL', 'true');
    expect(rights).toMatchObject({ code: 125, stderr: expect.stringContaining('65534 has no place for it') });
    const needsRoot = { code: 125, stderr: expect.stringContaining('needs root') };
    expect(await isopod('agent', '--launcher', 'linux')).toMatchObject(needsRoot);
  });
});
