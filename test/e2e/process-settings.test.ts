import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Installation } from './support/installation.ts';

const installation = new Installation();
afterAll(() => installation.close());

/** What a shell in a container on the host's own files prints. */
const printed = (options: readonly string[], line: string): Promise<string> =>
  installation.expect(['run', '--rm', '--no-image', ...options, 'sh', '-c', line]);

const refusal = async (options: readonly string[]): Promise<string> => {
  const { code, stderr } = await installation.run(['run', '--rm', '--no-image', ...options, 'true']);
  return `${code}: ${stderr}`;
};

describe('a container', () => {
  test('has the resource limits that it was given, soft and hard', async () => {
    const options = ['--ulimit', 'nofile=64:128', '--ulimit', 'core=0', '--ulimit', 'fsize=unlimited'];
    expect(await printed(options, 'ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -f')).toBe('64\n128\n0\nunlimited');
  });

  test('is killed early when memory is short, if it says so', async () => {
    expect(await printed(['--oom-score-adj', '321'], 'cat /proc/self/oom_score_adj')).toBe('321');
  });

  test('takes the machine for a 32-bit one', async () => {
    expect(await printed(['--personality', 'linux32'], 'uname -m')).toMatch(/^(i686|armv\dl)$/);
  });

  test('runs under its scheduler, nice and input/output priority', async () => {
    // Fields 19 and 41 of /proc/PID/stat: nice and policy (proc_pid_stat(5)).
    const line = "cut -d ' ' -f 19,41 /proc/self/stat";
    expect(await printed(['--scheduler', 'batch', '--nice', '7'], line)).toBe('7 3');
    expect(await printed(['--scheduler', 'idle', '--ionice', 'idle'], line)).toBe('0 5');
  });

  test('gets its memory from the nodes that it named', async () => {
    expect(await printed(['--memory-policy', 'bind:0'], 'head -n 1 /proc/self/numa_maps')).toContain('bind:0');
  });

  test('has kernel parameters of its own namespaces', async () => {
    const options = ['--sysctl', 'net.ipv4.ip_unprivileged_port_start=80', '--sysctl', 'kernel.msgmax=4321'];
    const line = 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax';
    expect(await printed(options, line)).toBe('80\n4321');
  });

  test('is refused the kernel parameters of the host, and those of a namespace that it shares', async () => {
    expect(await refusal(['--sysctl', 'kernel.core_pattern=|/x'])).toMatch(/^125: .*change the whole host/);
    const shared = await refusal(['--network', 'host', '--sysctl', 'net.ipv4.ip_forward=1']);
    expect(shared).toMatch(/^125: .*shares that with others/);
    expect(await refusal(['--sysctl', 'net.ipv4.no_such=1'])).toMatch(/^125: .*net\/ipv4\/no_such/);
  });

  test('may be confined by Landlock, root or not', async () => {
    const rules = ['rx:/usr', 'rx:/bin', 'rx:/lib', 'rx:/lib64', 'rw:/dev/null'].flatMap((rule) => [
      '--landlock',
      rule,
    ]);
    expect(
      await printed(rules, 'cat /etc/passwd 2>/dev/null || echo refused; test -r /usr/bin/env && ls /usr'),
    ).toMatch(/^refused\n.*bin/);
  });

  test('is told which path of a Landlock rule is missing', async () => {
    expect(await refusal(['--landlock', 'r:/no/such/path'])).toMatch(/^125: .*\/no\/such\/path.*linux\/landlock/s);
  });
});

describe('an exec session', () => {
  let uid = '';
  const options = ['--ulimit', 'nofile=100', '--oom-score-adj', '77', '--nice', '3', '--landlock', 'rx:/'];
  beforeAll(async () => {
    uid = await installation.expect(['run', '-d', '--no-image', ...options, 'sleep', '1000']);
  });

  test('is what the first process is', async () => {
    const line =
      "ulimit -n; cat /proc/self/oom_score_adj; cut -d ' ' -f 19 /proc/self/stat; (: >/dev/null) || echo refused";
    expect(await installation.expect(['exec', uid, 'sh', '-c', `exec 2>&1; ${line}`])).toMatch(
      /^100\n77\n3\n.*(denied|refused)/i,
    );
  });
});
