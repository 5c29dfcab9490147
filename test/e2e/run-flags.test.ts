import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { makeBusyboxRootfs } from '../bench/busybox-image.ts';
import { Installation, until } from './support/installation.ts';

let isopod: Installation;
beforeAll(async () => {
  isopod = new Installation();
  await isopod.expect(['version']);
});
afterAll(() => isopod.close());
afterEach(async () => {
  const uids = (await isopod.expect(['ps', '-aq'])).split('\n').filter(Boolean);
  if (uids.length > 0) await isopod.expect(['rm', '-f', ...uids]);
});

const file = (name: string, content: string): string => {
  const path = join(isopod.directory, name);
  writeFileSync(path, content);
  return path;
};

describe('words that Node itself would take', () => {
  test('an --env-file that is not there is told by us', async () => {
    const { code, stderr } = await isopod.run(['run', '--rm', '--env-file', '/nonexistent', '--no-image', '/bin/true']);
    expect(stderr).toContain('--env-file /nonexistent: ENOENT');
    expect(code).toBe(125);
  });

  test('NODE_OPTIONS in an --env-file are for the container, not for the Node that we run on', async () => {
    const path = file('node.env', 'NODE_OPTIONS=--require /nonexistent.js\n');
    const words = ['run', '--rm', '--env-file', path, '--no-image', '/bin/sh', '-c', 'echo "$NODE_OPTIONS"'];
    expect(await isopod.expect(words)).toBe('--require /nonexistent.js');
  });

  test('an --env-file among the words of the command reaches the command', async () => {
    const words = ['run', '--rm', '--no-image', '/bin/echo', '--env-file', '/nonexistent'];
    expect(await isopod.expect(words)).toBe('--env-file /nonexistent');
  });
});

test('a short command on a terminal shows all that it wrote, run and exec alike', async () => {
  await isopod.expect(['run', '-d', '--name', 'sleeper', '--no-image', '/bin/sleep', '100']);
  const script = ['/bin/sh', '-c', 'echo short; exit 7'];
  for (const words of [
    ['run', '--rm', '-t', '--no-image'],
    ['run', '--rm', '-it', '--no-image'],
    ['exec', '-it', 'sleeper'],
  ]) {
    for (let count = 0; count < 5; count += 1) {
      const { output, code } = await isopod.terminal([...words, ...script], []);
      expect({ output: output.replaceAll('\r', ''), code }).toEqual({ output: 'short\n', code: 7 });
    }
  }
});

test('what a full-screen program writes reaches the terminal as it is, and the terminal is as it was afterwards', async () => {
  const script = ['/bin/sh', '-c', 'stty -opost; printf "down\\ndown\\tright\\rhome"'];
  const { output, raw } = await isopod.terminal(['run', '--rm', '-it', '--no-image', ...script], []);
  expect(output).toBe('down\ndown\tright\rhome');
  expect(raw).toBe(false);
});

test('a signal at any moment of a launch leaves no container that nobody watches', async () => {
  const script = 'trap "exit 5" TERM; while :; do sleep 0.05; done';
  const codes = new Set<number | null>();
  for (let delayMs = 30; delayMs <= 210; delayMs += 15) {
    const child = isopod.start(['run', '--rm', '--no-image', '--init', '/bin/sh', '-c', script]);
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    child.kill('SIGTERM');
    codes.add(await ended);
  }
  // Ended before its launch (by the signal: null), before the trap was set, or by it.
  for (const code of codes) expect([null, 143, 5]).toContain(code);
  await until('no container is left', async () => (await isopod.expect(['ps', '-aq'])) === '');
});

test('-d -i keeps the input open for those who attach', async () => {
  await isopod.expect([
    'run',
    '-d',
    '-i',
    '--name',
    'reader',
    '--no-image',
    '/bin/sh',
    '-c',
    'read line; echo "$line"',
  ]);
  const { code, stdout } = await isopod.run(['attach', 'reader'], 'from outside\n');
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'from outside\n' });
});

test('--log-format raw writes two files in the sandbox directory, bounded as asked', async () => {
  const script = 'echo oops >&2; head -c 200000 /dev/zero | tr "\\0" x | fold';
  const options = ['--log-format', 'raw', '--log-max-size', '64k', '--log-max-files', '2'];
  await isopod.expect(['run', '-d', '--name', 'raw', ...options, '--no-image', '/bin/sh', '-c', script]);
  await isopod.expect(['wait', 'raw']);
  const [{ sandboxDir }] = JSON.parse(await isopod.expect(['inspect', 'raw']));
  expect(readFileSync(join(sandboxDir, 'stderr'), 'utf8')).toBe('oops\n');
  const sizes = ['stdout', 'stdout.1'].map((name) => readFileSync(join(sandboxDir, name)).length);
  for (const size of sizes) expect(size).toBeLessThanOrEqual(64 << 10);
  expect(existsSync(join(sandboxDir, 'stdout.2'))).toBe(false);
  const { stdout, stderr } = await isopod.run(['logs', 'raw']);
  expect(stdout).toMatch(/^x+$/m);
  expect(stderr).toBe('oops\n');
});

test.each([
  [['a container description', ['-m', '64m']], '--memory means nothing'],
  [['an image', ['hello']], 'hello means nothing'],
])('explain --actual refuses %j beside it', async ([, words], message) => {
  const { code, stderr } = await isopod.run(['explain', '--actual', 'any', ...(words as string[])]);
  expect(stderr).toContain(message);
  expect(code).toBe(125);
});

test.each([
  [['rm', ''], 1, 'the name of a container is empty'],
  [['stop', ''], 1, 'the name of a container is empty'],
  [['logs', ''], 125, 'the name of a container is empty'],
  [['inspect', ''], 1, 'the name of a container is empty'],
  [['rmi', ''], 1, 'the name of an image is empty'],
  [['pull', ''], 125, 'the name of an image is empty'],
])('%j, as an unset variable makes it, ends with %i and says so', async (words, expected, message) => {
  const { code, stderr } = await isopod.run(words);
  expect(stderr).toContain(message);
  expect(code).toBe(expected);
});

test.each([
  'rm',
  'stop',
  'kill',
  'wait',
  'pause',
  'unpause',
  'inspect',
  'stats',
  'rmi',
  'update',
  'volume inspect',
  'volume rm',
])(
  '%s, which takes several names, ends with 1 for one that nobody has, and is done for the others',
  async (command) => {
    const more = command === 'update' ? ['--pids-limit', '9'] : [];
    const { code, stderr } = await isopod.run([...command.split(' '), ...more, 'nobody']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('nobody')]);
  },
);

test.each(['logs', 'attach', 'exec', 'pressure'])('%s of a name that nobody has ends with 125', async (command) => {
  const more = command === 'exec' ? ['/bin/true'] : [];
  const { code, stderr } = await isopod.run([command, 'nobody', ...more]);
  expect([code, stderr]).toEqual([125, expect.stringContaining('no container "nobody"')]);
});

test('inspect of several names tells those that are there, and what is not there by its code', async () => {
  await isopod.expect(['run', '--name', 'here', '--pull', 'missing', '--no-image', '/bin/true']);
  const { code, stdout } = await isopod.run(['inspect', 'nobody', 'here']);
  expect([code, JSON.parse(stdout).map(({ name }: { name: string }) => name)]).toEqual([1, ['here']]);
});

test.each(['missing', 'always'])('inspect shows the pull policy %s as it was asked for', async (policy) => {
  await isopod.expect(['run', '--name', 'asked', '--pull', policy, 'hello']);
  const [found] = JSON.parse(await isopod.expect(['inspect', 'asked']));
  expect(found.config.pull).toBe(policy);
});

test('hello is pulled, run and removed by that name', async () => {
  expect(await isopod.expect(['pull', 'hello'])).toMatch(/^sha256:/);
  expect(await isopod.expect(['run', '--rm', '--pull', 'always', 'hello'])).toContain('pid ');
  expect(await isopod.expect(['rmi', 'hello'])).toContain('untagged embedded:hello');
  expect(await isopod.expect(['images', '-q'])).toBe('');
});

test('wait tells each exit code in turn, and goes on after a name that nobody has', async () => {
  await isopod.expect(['run', '-d', '--name', 'late', '--no-image', '/bin/sh', '-c', 'sleep 0.3; exit 3']);
  await isopod.expect(['run', '-d', '--name', 'early', '--no-image', '/bin/sh', '-c', 'exit 4']);
  const { code, stdout, stderr } = await isopod.run(['wait', 'late', 'nobody', 'early']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '3\n4\n' });
  expect(stderr).toContain('no container "nobody"');
});

test('stop waits for all that it was given at once, and tells of one that nobody has', async () => {
  for (const name of ['one', 'two', 'three']) {
    const words = [
      'run',
      '-d',
      '--name',
      name,
      '--no-image',
      '/bin/sh',
      '-c',
      'trap "" TERM; echo ready; while :; do sleep 1; done',
    ];
    await isopod.expect(words);
    await until('it is deaf', async () => (await isopod.expect(['logs', name])) === 'ready');
  }
  const begun = performance.now();
  const { code, stdout, stderr } = await isopod.run(['stop', '-t', '5', 'one', 'two', 'nobody', 'three']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: 'one\ntwo\nthree\n' });
  expect(stderr).toContain('no container "nobody"');
  expect(performance.now() - begun).toBeGreaterThan(4_900);
  // One after the other they would take this at the least.
  expect(performance.now() - begun).toBeLessThan(15_000);
});

describe.skipIf(!existsSync('/bin/busybox'))('in a root file system of its own (busybox)', () => {
  let rootfs: string;
  beforeAll(() => {
    rootfs = makeBusyboxRootfs(join(isopod.directory, 'rootfs'));
    const users = ['root:x:0:0::/root:/bin/sh', 'alice:x:1000:1000::/home/alice:/bin/sh', ''];
    const groups = ['root:x:0:', 'alice:x:1000:', 'audio:x:29:alice,root', 'video:x:44:alice', ''];
    writeFileSync(join(rootfs, 'etc/passwd'), users.join('\n'));
    writeFileSync(join(rootfs, 'etc/group'), groups.join('\n'));
  });
  const run = (options: readonly string[], script: string) =>
    isopod.run(['run', '--rm', ...options, '--rootfs', rootfs, 'sh', '-c', script]);

  test.each([
    ['alice', '1000 1000 29 44 1000'],
    ['1000', '1000 1000 29 44 1000'],
    ['alice:video', '1000 44 44'],
    ['4242', '4242 0 0'],
    ['4242:44', '4242 44 44'],
  ])('--user %s runs as user, group and groups %s', async (user, ids) => {
    const { stdout } = await run(['-u', user], 'echo $(id -u) $(id -g) $(id -G)');
    const [uid, gid, ...groups] = ids.split(' ');
    const [ourUid, ourGid, ...ours] = stdout.trim().split(' ');
    expect([ourUid, ourGid, [...new Set(ours)].sort()]).toEqual([uid, gid, [...new Set(groups)].sort()]);
  });

  test('--read-only leaves /dev, /dev/shm and /proc usable', async () => {
    const script = 'echo x >/dev/null && echo x >/dev/shm/x && cat /proc/self/comm; : >/file';
    const { stdout, stderr } = await run(['--read-only'], script);
    expect(stdout).toBe('cat\n');
    expect(stderr).toContain('Read-only file system');
  });

  test('a read-only volume is so below its mount points, too, and one file can be a volume', async () => {
    const tree = join(isopod.directory, 'tree');
    mkdirSync(join(tree, 'below'), { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'isopod-test', join(tree, 'below')]);
    try {
      const single = file('single', 'one file\n');
      const volumes = ['-v', `${tree}:/new/tree:ro`, '-v', `${single}:/etc/motd:ro`];
      const { stdout, stderr } = await run(volumes, 'cat /etc/motd; echo x >/new/tree/below/x; echo x >/etc/motd');
      expect(stdout).toBe('one file\n');
      expect(stderr.match(/Read-only file system/g)).toHaveLength(2);
    } finally {
      execFileSync('umount', [join(tree, 'below')]);
    }
  });

  test('--init reaps what the command leaves behind, and passes signals on', async () => {
    const script = '(sleep 0.1 &); (sleep 0.2 &); sleep 0.5; cat /proc/[0-9]*/stat | grep -c " Z "; :';
    expect((await run(['--init'], script)).stdout).toBe('0\n');
    const words = ['run', '-d', '--init', '--name', 'reaper', '--rootfs', rootfs, 'sh', '-c'];
    await isopod.expect([...words, 'trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done']);
    await until('it is ready', async () => (await isopod.expect(['logs', 'reaper'])) === 'ready');
    await isopod.expect(['stop', 'reaper']);
    expect(await isopod.expect(['wait', 'reaper'])).toBe('5');
  });

  test('exec is confined field by field as the first process is, also through a new agent', async () => {
    const look =
      'grep -E "^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|Umask)" /proc/self/status; ulimit -n; cat /proc/self/oom_score_adj; ' +
      'for kind in cgroup ipc mnt net pid uts user; do readlink /proc/self/ns/$kind; done; cat /proc/self/cgroup; ' +
      'cat /proc/self/limits; env | sort; pwd';
    const options = ['-m', '64m', '--cpus', '0.5', '--pids-limit', '50', '-u', 'alice', '-e', 'A=1', '-w', '/tmp'];
    const words = ['run', '-d', '--name', 'confined', ...options, '--rootfs', rootfs, 'sh', '-c'];
    await isopod.expect([...words, `{ ${look}; }; echo end; exec sleep 100`]);
    const logged = () => isopod.expect(['logs', 'confined']);
    await until('it has looked', async () => (await logged()).endsWith('\nend'));
    const first = (await logged()).replace(/\nend$/, '');
    expect(first).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(first).toContain('\nmnt:[');
    expect(await isopod.expect(['exec', 'confined', 'sh', '-c', look])).toBe(first);
    process.kill(await isopod.agentPid(), 'SIGKILL');
    expect(await isopod.expect(['exec', 'confined', 'sh', '-c', look])).toBe(first);
  });
});

test('a stop sends the signal that was asked for at the launch, and waits as long as was said then', async () => {
  const script = 'trap "echo heard; exit 4" USR1; trap : TERM; echo ready; while :; do sleep 0.1; done';
  const ready = async (name: string) => (await isopod.expect(['logs', name])).startsWith('ready');
  const run = ['run', '-d', '--no-image', '--stop-signal', 'USR1'];
  await isopod.expect([...run, '--stop-timeout', '60', '--name', 'patient', '/bin/sh', '-c', script]);
  await isopod.expect([...run, '--stop-timeout', '0', '--name', 'hasty', '/bin/sh', '-c', script]);
  await until('both are ready', async () => (await ready('patient')) && (await ready('hasty')));
  await isopod.expect(['stop', 'patient', 'hasty']);
  expect(await isopod.expect(['wait', 'patient', 'hasty'])).toBe('4\n137');
  expect(await isopod.expect(['logs', 'hasty'])).toBe('ready');
});
