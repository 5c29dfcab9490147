import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
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

const SH = ['--rm', '--no-image', '/bin/sh', '-c'] as const;

describe('run', () => {
  test('hello tells what it sees', async () => {
    const { code, stdout } = await isopod.run(['run', '--rm', 'hello']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/pid\s+1\n/);
    expect(stdout).toMatch(/root\s+overlay/);
  });

  test.each([
    ['its own', ['exit 7'], 7],
    ['128 and the signal', ['exec /usr/bin/timeout -s KILL 0.1 sleep 10'], 137],
  ])("the exit code is the command's: %s", async (_what, script, code) => {
    expect((await isopod.run(['run', '--init', ...SH, ...script])).code).toBe(code);
  });

  test.each([
    ['a missing command', ['run', '--rm', '--no-image', '/nonexistent'], 127, 'was not found'],
    ['a data file', ['run', '--rm', '--no-image', '/etc/passwd'], 126, 'cannot be executed'],
    ['a directory', ['run', '--rm', '--no-image', '/etc'], 126, 'is a directory'],
    ['an image that nobody has', ['run', '--pull', 'never', 'nobody/has:this'], 125, 'nobody/has:this'],
    ['no image', ['run'], 125, 'no image was named'],
    ['an unknown option', ['run', '--nope', 'hello'], 125, "unknown option '--nope'"],
    ['a bad size', ['run', '-m', '64q', 'hello'], 125, '--memory "64q"'],
    ['a volume at a relative place', ['run', '-v', 'data:data', 'hello'], 125, '--volume "data:data"'],
    ['a terminal for a pipe', ['run', '-it', 'hello'], 125, 'needs a terminal'],
    ['an unknown isolator', ['run', '--isolation', 'no/such', 'hello'], 125, 'no/such'],
  ])('%s is refused with %j → %i', async (_what, words, code, message) => {
    const result = await isopod.run(words);
    expect(result.stderr).toMatch(/^isopod: /);
    expect(result.stderr).toContain(message);
    expect(result.code).toBe(code);
    expect(await isopod.expect(['ps', '-aq'])).toBe('');
  });

  test('output and errors stay apart', async () => {
    const { stdout, stderr } = await isopod.run(['run', ...SH, 'echo out; echo err >&2']);
    expect({ stdout, stderr }).toEqual({ stdout: 'out\n', stderr: 'err\n' });
  });

  test('input from a pipe ends cleanly, and nothing of 1 MiB is lost', async () => {
    const input = Buffer.alloc(1 << 20, 'abcdefg\n');
    const { code, stdout } = await isopod.run(['run', '-i', '--rm', '--no-image', '/usr/bin/sha256sum'], input);
    expect(code).toBe(0);
    expect(stdout).toBe(`${createHash('sha256').update(input).digest('hex')}  -\n`);
  });

  test('without -i the command reads end of file', async () => {
    const { stdout } = await isopod.run(['run', '--rm', '--no-image', '/bin/cat'], 'not for you');
    expect(stdout).toBe('');
  });

  test('a pipeline that has enough ends the run', async () => {
    const { stdout } = await isopod.shell(`isopod run ${SH.join(' ')} 'exec yes' | head -1; echo "\${PIPESTATUS[0]}"`);
    expect(stdout).toBe('y\n141\n');
    await until('the container is gone', async () => (await isopod.expect(['ps', '-aq'])) === '');
  });

  test('SIGTERM goes to the command', async () => {
    const child = isopod.start(['run', ...SH, 'trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done']);
    const ended = new Promise((resolve) => child.once('close', resolve));
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    child.kill('SIGTERM');
    expect(await ended).toBe(5);
  });

  test('three interrupts end a command that ignores them', async () => {
    const child = isopod.start(['run', ...SH, 'trap "" INT; echo ready; while :; do sleep 0.05; done']);
    const ended = new Promise((resolve) => child.once('close', resolve));
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    // Two that come before it gets to run are one for the kernel (signal(7)), so a loaded machine may need more.
    while (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGINT');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(await ended).toBe(137);
  });

  test('variables come from options, files and our own environment', async () => {
    const file = join(isopod.directory, 'env');
    writeFileSync(file, '# comment\nFROM_FILE=1\nBOTH=file\n');
    const options = ['--env-file', file, '-e', 'BOTH=option', '-e', 'ISOPOD_ROOT'];
    const { stdout } = await isopod.run(['run', ...options, ...SH, 'echo $FROM_FILE $BOTH $ISOPOD_ROOT']);
    expect(stdout).toBe(`1 option ${isopod.root}\n`);
  });

  test('a volume is seen, read-only when asked for', async () => {
    const directory = join(isopod.directory, 'data');
    mkdirSync(directory);
    writeFileSync(join(directory, 'file'), 'content\n');
    const words = ['run', '-v', `${directory}:/mnt:ro`, ...SH, 'cat /mnt/file; : > /mnt/other'];
    const { code, stdout, stderr } = await isopod.run(words);
    expect(stdout).toBe('content\n');
    expect(stderr).toMatch(/Read-only/i);
    expect(code).not.toBe(0);
  });

  test('a memory limit that was exceeded is told as the reason', async () => {
    const script = 'head -c 200m /dev/zero | tail';
    const { code, stderr } = await isopod.run(['run', '--rm', '-m', '32m', '--no-image', '/bin/sh', '-c', script]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/isopod: .*memory/);
  });

  test('--timings tells the milestones of the launch', async () => {
    const { stderr } = await isopod.run(['run', '--timings', '--rm', '--no-image', '/bin/true']);
    expect(stderr).toMatch(/started\s+\d+\.\d+ ms/);
  });
});

describe('a terminal', () => {
  test('is given with -t, with our size, and follows a resize', async () => {
    const script = 'trap "stty size; exit 3" WINCH; stty size; while :; do sleep 0.05; done';
    const steps = [
      ['expect', '24 80'],
      ['resize', 40, 100],
      ['expect', '40 100'],
    ];
    const { code, raw, output } = await isopod.terminal(['run', '-it', ...SH, script], steps);
    expect(output).toContain('40 100');
    expect(code).toBe(3);
    expect(raw).toBe(false);
  });

  test('passes ctrl-c as a key', async () => {
    const steps = [
      ['expect', 'ready'],
      ['send', '\u0003'],
    ];
    const { code } = await isopod.terminal(
      ['run', '-it', ...SH, 'trap "exit 4" INT; echo ready; while :; do sleep 0.05; done'],
      steps,
    );
    expect(code).toBe(4);
  });

  test('is left with the detach keys, joined again with attach, and the exit code comes through', async () => {
    const run = ['run', '-it', '--name', 'shell', '--no-image', '/bin/sh'];
    const left = await isopod.terminal(run, [
      ['expect', '#'],
      ['send', 'echo one$((1))\r'],
      ['expect', 'one1'],
      ['send', '\u0010\u0011'],
    ]);
    expect(left.code).toBe(0);
    expect(left.raw).toBe(false);
    const again = await isopod.terminal(
      ['attach', 'shell'],
      [
        ['send', '\r'],
        ['expect', '#'],
        ['send', 'exit 6\r'],
      ],
    );
    expect(again.code).toBe(6);
  });

  test('is given by exec, too', async () => {
    await isopod.expect(['run', '-d', '--name', 'sleeper', '--no-image', '/bin/sleep', '100']);
    const steps = [
      ['expect', '#'],
      ['send', 'tty; exit 8\r'],
      ['expect', '/dev/'],
    ];
    const { code } = await isopod.terminal(['exec', '-it', 'sleeper', '/bin/sh'], steps);
    expect(code).toBe(8);
  });
});

describe('a container in the background', () => {
  const sleeper = () =>
    isopod.expect(['run', '-d', '--name', 'sleeper', '-l', 'tier=front', '--init', '--no-image', '/bin/sleep', '100']);

  test('is listed, filtered, inspected', async () => {
    const uid = await sleeper();
    expect(await isopod.expect(['ps', '-q'])).toBe(uid);
    expect(await isopod.expect(['ps'])).toMatch(/sleep 100 .* running for .* sleeper/);
    expect(await isopod.expect(['ps', '-q', '--filter', 'label=tier=front'])).toBe(uid);
    expect(await isopod.expect(['ps', '-q', '-f', 'name=other'])).toBe('');
    expect(JSON.parse(await isopod.expect(['inspect', uid.slice(0, 6)]))).toMatchObject([
      { uid, name: 'sleeper', state: 'running' },
    ]);
    expect(JSON.parse(await isopod.expect(['ps', '--json']))).toHaveLength(1);
  });

  test('takes further commands, and their exit codes come through', async () => {
    await sleeper();
    expect(await isopod.expect(['exec', 'sleeper', '/bin/echo', 'hi'])).toBe('hi');
    expect((await isopod.run(['exec', 'sleeper', '/bin/sh', '-c', 'exit 9'])).code).toBe(9);
    expect((await isopod.run(['exec', '-i', 'sleeper', '/bin/cat'], 'through')).stdout).toBe('through');
    expect((await isopod.run(['exec', 'sleeper', '/nope'])).code).toBe(127);
    expect((await isopod.run(['exec', 'nobody', '/bin/true'])).code).toBe(125);
  });

  test('is killed, waited for, removed', async () => {
    await sleeper();
    const waited = isopod.run(['wait', 'sleeper']);
    expect(await isopod.expect(['kill', 'sleeper'])).toBe('sleeper');
    expect((await waited).stdout).toBe('137\n');
    expect(await isopod.expect(['ps', '-a'])).toContain('ended by SIGKILL');
    expect(await isopod.expect(['rm', 'sleeper'])).toBe('sleeper');
    expect((await isopod.run(['rm', 'sleeper'])).code).toBe(1);
  });

  test('is not removed while it runs, unless by force', async () => {
    await sleeper();
    expect((await isopod.run(['rm', 'sleeper'])).stderr).toContain('running');
    expect(await isopod.expect(['rm', '-f', 'sleeper'])).toBe('sleeper');
    expect(await isopod.expect(['ps', '-aq'])).toBe('');
  });

  test('is stopped', async () => {
    await sleeper();
    expect(await isopod.expect(['stop', '-t', '5', 'sleeper'])).toBe('sleeper');
    expect(JSON.parse(await isopod.expect(['inspect', 'sleeper']))[0].state).toBe('terminated');
  });

  test('keeps what it wrote: all, the tail, with times, following', async () => {
    const seen = join(isopod.directory, 'seen');
    const pause = `until [ -e ${seen} ]; do sleep 0.02; done`;
    const script = `for n in 1 2 3; do echo line $n; done; echo oops >&2; ${pause}; echo late`;
    await isopod.expect(['run', '-d', '--name', 'writer', '--no-image', '/bin/sh', '-c', script]);
    const following = isopod.run(['logs', '-f', 'writer']);
    await until('its error is logged', async () => (await isopod.run(['logs', 'writer'])).stderr === 'oops\n');
    writeFileSync(seen, '');
    const followed = await following;
    expect(followed).toMatchObject({ stdout: 'line 1\nline 2\nline 3\nlate\n', stderr: 'oops\n', code: 0 });
    expect(await isopod.expect(['logs', '-n', '1', 'writer'])).toBe('late');
    expect(await isopod.expect(['logs', '-n', '1', '-t', 'writer'])).toMatch(/^\d{4}-.*Z late$/);
    expect(await isopod.expect(['logs', '--since', '1h', '-n', 'all', 'writer'])).toContain('line 1');
    expect(await isopod.expect(['logs', '--since', '2100-01-01T00:00:00Z', 'writer'])).toBe('');
  });

  test('has what it asked for, as explain --actual shows', async () => {
    await isopod.expect(['run', '-d', '--name', 'limited', '-m', '64m', '--no-image', '/bin/sleep', '100']);
    const { code, stdout } = await isopod.run(['explain', '--actual', 'limited']);
    expect(stdout).toMatch(/ok\s+memory\.\S+\s+cgroups\/memory\s+67108864\s+67108864/);
    expect(stdout).not.toContain('DIFFERS');
    expect(code).toBe(0);
  });
});

describe('the agent', () => {
  test('has a socket for its owner alone, in a directory that others may pass', async () => {
    await isopod.agentPid();
    expect(statSync(join(isopod.state, 'agent.sock')).mode & 0o777).toBe(0o600);
    expect(statSync(isopod.state).mode & 0o777).toBe(0o711);
  });

  test('that is killed is followed by another, and the container goes on', async () => {
    const uid = await isopod.expect(['run', '-d', '--no-image', '/bin/sleep', '100']);
    const first = await isopod.agentPid();
    process.kill(first, 'SIGKILL');
    await until('it is gone', () => !existsSync(`/proc/${first}`));
    expect(await isopod.expect(['ps', '-q'])).toBe(uid);
    expect(await isopod.agentPid()).not.toBe(first);
  });

  test('refuses a root directory that another one has', async () => {
    const holder = await isopod.agentPid();
    const other = `${isopod.state}2`;
    const { code, stderr } = await isopod.run(['--state', other, 'agent']);
    await isopod.retireForkServer(other);
    expect(code).toBe(125);
    expect(stderr).toContain(`in use by process ${holder}`);
  });
});

test('explain prints the plan and runs nothing', async () => {
  expect(await isopod.expect(['explain', '-m', '64m', 'hello'])).toMatch(
    /cgroup knob\s+cgroups\/memory\s+\S+ = 67108864/,
  );
  expect(await isopod.expect(['ps', '-aq'])).toBe('');
});

test('images lists what is here, rmi takes it away', async () => {
  await isopod.expect(['run', '--rm', 'hello']);
  expect(await isopod.expect(['images'])).toContain('hello');
  const [image] = JSON.parse(await isopod.expect(['images', '--json']));
  expect(await isopod.expect(['rmi', image.id])).toContain('deleted');
  expect(await isopod.expect(['images', '-q'])).toBe('');
});
