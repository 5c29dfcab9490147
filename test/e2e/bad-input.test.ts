import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { footprint } from './support/footprint.ts';
import { Installation } from './support/installation.ts';
import { expectRefused, expectSame, settle } from './support/refusals.ts';

let isopod: Installation;
/** A directory with things of every kind that cannot be what is asked for. */
let things: string;
beforeAll(async () => {
  isopod = new Installation();
  things = join(isopod.directory, 'things');
  mkdirSync(join(things, 'directory'), { recursive: true });
  symlinkSync('directory', join(things, 'link'));
  writeFileSync(join(things, 'data'), 'x');
  writeFileSync(join(things, 'bad-elf'), '\x7fELFgarbage');
  writeFileSync(join(things, 'bad-interpreter'), '#!/no/such/interpreter\n');
  writeFileSync(join(things, 'no-interpreter'), 'echo hi\n');
  const lines = Array.from({ length: 32 }, (_, index) => `V${index}=${'x'.repeat(65_000)}\n`);
  writeFileSync(join(things, 'big'), lines.join(''));
  writeFileSync(join(things, 'long'), `LONG=${'x'.repeat(131_068)}\n`);
  for (const name of ['bad-elf', 'bad-interpreter', 'no-interpreter']) chmodSync(join(things, name), 0o755);
  // Agent, fork server, workers and the image are there before the first count.
  await isopod.expect(['run', '--rm', 'hello']);
  await isopod.expect(['run', '-d', '--name', 'taken', '--no-image', '/bin/sleep', '1000']);
  await settle(isopod);
});
afterAll(() => isopod.close());

type Case = readonly [what: string, words: readonly string[], code: number, ...says: string[]];

/** `@/NAME` is a file of `things`. */
const inThings = (words: readonly string[]) => words.map((word) => word.replaceAll('@/', `${things}/`));

async function refuse(...[, words, code, ...says]: Case): Promise<void> {
  await expectRefused(isopod, () => isopod.run(['run', '--rm', ...inThings(words)]), { code, says: inThings(says) });
}

function refuseEach(cases: readonly Case[]): void {
  for (const row of cases) test(row[0], () => refuse(...row));
}

const HOST = '--no-image';
const LONG = 'x'.repeat(65);

describe('run refuses a command that', () => {
  refuseEach([
    ['is missing', [HOST, '/nope'], 127, '"/nope"', 'was not found', 'PATH'],
    ['is nowhere in PATH', [HOST, 'no-such-program'], 127, '"no-such-program"', 'PATH'],
    ['is missing in the image', ['--entrypoint', '/nope', 'hello'], 127, '"/nope"'],
    ['lies below a file', [HOST, '/etc/passwd/x'], 127, '"/etc/passwd/x"'],
    ['is not executable', [HOST, '@/data'], 126, '@/data', 'EACCES', 'may execute'],
    ['is a directory', [HOST, '@/directory'], 126, 'EISDIR', 'directory'],
    ['is a broken program', [HOST, '@/bad-elf'], 126, 'ENOEXEC'],
    ['is a script without interpreter', [HOST, '@/no-interpreter'], 126, 'ENOEXEC'],
    ['is a script of a missing interpreter', [HOST, '@/bad-interpreter'], 127, 'interpreter'],
    ['is empty', [HOST, ''], 125, 'the command is empty', 'name a program'],
    ['was not given', [HOST], 125, 'no command of its own', 'name the command'],
    ['neither the image nor the caller names', ['--entrypoint', '', 'hello'], 125, 'names no command'],
  ]);
});

describe('run refuses a user who', () => {
  refuseEach([
    ['is unknown', ['-u', 'nosuch', 'hello'], 125, 'nosuch', 'or give numbers'],
    ['is unknown on the host', ['-u', 'nosuch', HOST, '/bin/true'], 125, 'nosuch'],
    ['has an unknown group', ['-u', '0:nosuch', 'hello'], 125, 'nosuch is not known', 'or give numbers'],
    ['has no such number', ['-u', '99999999999', 'hello'], 125, '99999999999', '4294967294'],
    ['is empty', ['-u', ':', 'hello'], 125, '":"'],
  ]);
});

describe('run refuses a limit that', () => {
  refuseEach([
    ['is no size', ['-m', '64q', 'hello'], 125, '--memory "64q"', '64m'],
    ['is negative', ['-m', '-1', 'hello'], 125, '--memory "-1"'],
    ['is nothing', ['-m', '0', 'hello'], 125, '--memory "0"'],
    ['is too small to start in', ['-m', '1m', 'hello'], 125, '1048576', '4194304'],
    ['is beyond all numbers', ['-m', '99999999t', 'hello'], 125, '99999999t'],
    ['is no number of CPUs', ['--cpus', 'two', 'hello'], 125, '--cpus "two"', '0.5'],
    ['is more CPUs than there are', ['--cpus', '100000', 'hello'], 125, '100000 CPUs', 'ask for at most'],
    ['is less than the kernel divides', ['--cpus', '0.001', 'hello'], 125, 'at least 10'],
    ['is no number of processes', ['--pids-limit', 'few', 'hello'], 125, '--pids-limit "few"'],
    // Only the kernel knows its bound (PID_MAX_LIMIT): the knob was written, refused, and the group taken back.
    ['the kernel refuses', ['--pids-limit', '99999999999', 'hello'], 125, 'pids.max', 'EINVAL', 'choose a value'],
  ]);
});

describe('run refuses a volume', () => {
  refuseEach([
    ['without a place', ['-v', '/tmp:', 'hello'], 125, '--volume "/tmp:"', 'HOST:CONTAINER'],
    ['at a relative place', ['-v', '/tmp:data', 'hello'], 125, '"/tmp:data"', 'a container path with /'],
    ['with an unknown option', ['-v', '/tmp:/x:zz', 'hello'], 125, 'zz means nothing', 'leave it out'],
    ['that does not exist', ['-v', '@/none:/x', 'hello'], 125, '@/none', 'mkdir -p'],
    ['over everything', ['-v', '/tmp:/', 'hello'], 125, '/tmp', 'root file system'],
    ['twice at one place', ['-v', '/tmp:/x', '-v', '/etc:/x/', 'hello'], 125, '/tmp', '/etc', 'both'],
    ['over /proc', ['-v', '/tmp:/proc', 'hello'], 125, '/proc', 'elsewhere'],
    ['of a directory on a file', ['-v', '@/directory:/hello', 'hello'], 125, '/hello', 'another place'],
  ]);

  test('when there are ten thousand', async () => {
    const volumes = Array.from({ length: 10_000 }, (_, index) => ['-v', `/tmp:/x${index}`]).flat();
    await refuse('', [...volumes, 'hello'], 125, '10000 volumes', 'at most 100');
  });
});

describe('run refuses a root file system that', () => {
  refuseEach([
    ['is a link', ['--rootfs', '@/link', '/x'], 125, '@/link', 'symlink', 'give the directory itself'],
    ['is a file', ['--rootfs', '@/data', '/x'], 125, '@/data', 'file'],
    ['is not there', ['--rootfs', '@/none', '/x'], 125, '@/none', 'does not exist'],
    ['has no name', ['--rootfs', '', '/bin/true'], 125, '--rootfs ""', 'a directory'],
    ['is an image too', ['--rootfs', '@/directory', HOST, '/x'], 125, '--rootfs', '--no-image'],
  ]);
});

describe('run refuses', () => {
  refuseEach([
    ['a name that is taken', ['--name', 'taken', 'hello'], 125, '"taken"', 'running', 'isopod rm taken'],
    ['a malformed name', ['--name', '../../x', 'hello'], 125, '"../../x"', 'choose a name'],
    ['an unknown isolator', ['--isolation', 'no/such', 'hello'], 125, '"no/such"', 'filesystem/linux'],
    ['an isolator without a name', ['--isolation', 'cgroups/cpu,', 'hello'], 125, '--isolation "cgroups/cpu,"'],
    ['an isolator twice', ['--isolation', 'cgroups/cpu,cgroups/cpu', HOST, '/x'], 125, 'cgroups/cpu', 'twice'],
    [
      'an isolator that requires another',
      ['--isolation', 'namespaces/pid', HOST, '/bin/true'],
      125,
      'requires filesystem/linux',
      'add filesystem/linux',
    ],
    [
      'a limit that no isolator serves',
      ['-m', '64m', '--isolation', 'filesystem/linux', HOST, '/bin/true'],
      125,
      'cgroups/memory',
      'add cgroups/memory',
    ],
    ['a host name that is too long', ['--hostname', LONG, 'hello'], 125, LONG, '1 to 64'],
    ['a relative workdir', ['-w', 'srv', 'hello'], 125, '"srv"', 'from / on'],
    ['a workdir that is a file', ['-w', '/hello', 'hello'], 125, '/hello', 'ENOTDIR', 'name a directory'],
    ['a malformed reference', ['Bad//Ref', 'x'], 125, '"Bad//Ref"', 'write NAME'],
    ['a digest that is none', ['x@sha256:abc', 'x'], 125, 'sha256:abc', '64 lower-case hex digits'],
    ['an image layout that is not there', ['oci:@/none', 'x'], 125, '@/none', 'check the path'],
    ['a directory that is no layout', ['oci:@/directory', 'x'], 125, '@/directory', 'oci-layout'],
    ['a file that is no archive', ['oci-archive:@/bad-elf', 'x'], 125, '@/bad-elf', 'not a tar file'],
    ['a variable without a name', ['-e', '=x', 'hello'], 125, '--env "=x"', 'NAME=value'],
    ['a variable file that is not there', ['--env-file', '@/none', 'hello'], 125, '@/none', 'no such file'],
    ['a variable file that is a directory', ['--env-file', '@/directory', 'hello'], 125, '@/directory', 'directory'],
    ['a network that is unknown', ['--network', 'bridge', 'hello'], 125, '"bridge"', 'none, host'],
    ['writing to the host protected', ['--read-only', HOST, '/bin/true'], 125, 'read-only', 'give an image'],
    ['a terminal without one', ['-it', 'hello'], 125, 'needs a terminal', 'leave -t out'],
    ['two megabytes of environment', ['--env-file', '@/big', 'hello'], 125, '1048576', 'in a file'],
    ['a variable longer than the kernel takes', ['--env-file', '@/long', 'hello'], 125, '131071', 'in a file'],
  ]);
});

test('the longest variable that the kernel takes arrives', async () => {
  writeFileSync(join(things, 'longest'), `LONG=${'x'.repeat(131_066)}\n`);
  const words = ['run', '--rm', '--env-file', join(things, 'longest'), HOST, '/bin/sh', '-c', 'printenv LONG | wc -c'];
  const before = footprint(isopod);
  expect((await isopod.run(words)).stdout).toBe('131067\n');
  await expectSame(isopod, before);
});

describe('a running container refuses', () => {
  const cases: readonly Case[] = [
    ['a missing command', ['exec', 'taken', '/nope'], 127, '"/nope"'],
    ['a directory as command', ['exec', 'taken', '/etc'], 126, 'EISDIR'],
    ['a data file as command', ['exec', 'taken', '/etc/passwd'], 126, 'EACCES'],
    ['an unknown user', ['exec', '-u', 'nosuch', 'taken', '/bin/true'], 125, 'nosuch'],
    ['a workdir that is not there', ['exec', '-w', '/nope', 'taken', '/bin/true'], 125, '/nope', 'ENOENT'],
    ['a relative workdir', ['exec', '-w', 'x', 'taken', '/bin/true'], 125, '"x"'],
    ['a signal that there is not', ['kill', '-s', 'NOPE', 'taken'], 125, '"NOPE"', 'TERM or 15'],
    ['a time that is none', ['stop', '-t', 'soon', 'taken'], 125, '"soon"'],
    ['to be removed', ['rm', 'taken'], 1, 'running', 'stop it first'],
    ['a state that there is not', ['ps', '--filter', 'state=asleep'], 125, 'asleep', 'terminated'],
    ['more time than a day', ['stop', '-t', '99999999999', 'taken'], 125, '"99999999999"', '86400'],
    ['a count that is none', ['logs', '-n', 'few', 'taken'], 125, '--tail "few"'],
    ['a moment after all days', ['logs', '--since', '99999999999999999999', 'taken'], 125, '99999999999999999999'],
    ['a moment that is none', ['logs', '--since', 'long ago', 'taken'], 125, '--since "long ago"'],
  ];
  for (const [what, words, code, ...says] of cases) {
    test(what, () => expectRefused(isopod, () => isopod.run(words), { code, says }));
  }
});

test.each(['exec', 'logs', 'attach', 'inspect', 'wait', 'kill', 'stop', 'rm'])(
  '%s of a container that nobody knows says so',
  async (command) => {
    const words = [command, 'nobody', ...(command === 'exec' ? ['/bin/true'] : [])];
    const code = ['inspect', 'wait', 'kill', 'stop', 'rm'].includes(command) ? 1 : 125;
    await expectRefused(isopod, () => isopod.run(words), { code, says: ['"nobody"', 'isopod ps -a'] });
  },
);

test('standard input that is closed is no reason to fail', async () => {
  const { code, stdout } = await isopod.shell(`isopod run --rm ${HOST} /bin/echo fine <&-`);
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'fine\n' });
  const interactive = await isopod.shell(`isopod run -i --rm ${HOST} /bin/cat <&-`);
  expect(interactive).toMatchObject({ code: 0, stdout: '' });
  await settle(isopod);
});

test.each([['ps'], ['help'], ['run', '--rm', 'hello']])(
  'output that cannot be written is no success: %s',
  async (...words) => {
    const before = footprint(isopod);
    const { code, stderr } = await isopod.shell(`isopod ${words.join(' ')} >/dev/full`);
    expect(stderr).toMatch(/^isopod: ENOSPC/);
    expect(code).toBe(125);
    await expectSame(isopod, before);
  },
);
