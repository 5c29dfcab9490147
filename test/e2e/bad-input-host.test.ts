import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { buildImage, buildIndex, layoutOf } from '../../src/image/built-image.fixture.ts';
import { tarArchive } from '../support/tar-writer.ts';
import { Installation, type Result, until } from './support/installation.ts';
import { expectRefused, settle } from './support/refusals.ts';

let isopod: Installation;
let undo: (() => void)[] = [];
beforeAll(async () => {
  isopod = new Installation();
  await isopod.expect(['run', '--rm', 'hello']);
  await settle(isopod);
});
afterEach(() => {
  for (const step of undo.reverse()) step();
  undo = [];
});
afterAll(() => isopod.close());

/** A small file system of its own. @returns its mount point, unmounted after the test */
function mountTmpfs(name: string, options: string): string {
  const path = join(isopod.directory, name);
  mkdirSync(path);
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'isopod-test', path]);
  undo.push(() => execFileSync('umount', ['-l', path]));
  return path;
}

function run(command: string, words: readonly string[]): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { env: isopod.env, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        output[stream] += text;
      });
    }
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...output }));
  });
}

describe('somebody who is not root', () => {
  // The checkout may stand where only root may go; in a mount namespace of the caller it is seen elsewhere.
  const seenAt = mkdtempSync(join(tmpdir(), 'isopod-nobody-'));
  chmodSync(seenAt, 0o755);
  afterAll(() => rmdirSync(seenAt));
  const asNobody = (words: readonly string[]) => {
    const drop =
      'mount --bind "$1" "$2" && cd / && shift 2 && exec setpriv --reuid nobody --regid nogroup --clear-groups "$@"';
    const command = join(seenAt, basename(isopod.command));
    return run('unshare', ['-m', 'sh', '-c', drop, 'sh', dirname(isopod.command), seenAt, command, ...words]);
  };

  test('is told so when an agent is there', async () => {
    const says = [isopod.state, 'run it as root'];
    await expectRefused(isopod, () => asNobody(['run', '--rm', 'hello']), { code: 125, says });
  });

  test('is told so by an agent that is to make namespaces', async () => {
    const elsewhere = ['--root', '/tmp/isopod-nobody/root', '--state', '/tmp/isopod-nobody/state'];
    const says = ['needs root', '65534', 'run it as root'];
    await expectRefused(isopod, () => asNobody([...elsewhere, 'agent', '--launcher', 'linux']), { code: 125, says });
  });

  test('gets help all the same', async () => {
    expect((await asNobody(['help'])).code).toBe(0);
  });
});

describe('directories that cannot be', () => {
  const LONG = `/tmp/isopod-${'x'.repeat(108)}`;
  const cases: readonly (readonly [string, readonly string[], ...string[]])[] = [
    ['a state directory of 120 bytes', ['--state', LONG], LONG, '120 bytes', '107', 'choose a shorter --state'],
    ['a state directory without a name', ['--state', ''], '--state ""', 'a directory'],
    ['a root directory without a name', ['--root', ''], '--root ""', 'a directory'],
    [
      'a root directory below a file',
      ['--root', '/etc/passwd/x', '--state', '/tmp/isopod-none'],
      '/etc/passwd/x',
      'ENOTDIR',
    ],
    [
      'a root directory that is a file',
      ['--root', '/etc/passwd', '--state', '/tmp/isopod-none'],
      '/etc/passwd',
      '--root',
    ],
    ['a state directory that is a file', ['--state', '/etc/passwd'], '/etc/passwd', '--state'],
    ['a root directory in /proc', ['--root', '/proc/isopod', '--state', '/tmp/isopod-none'], '/proc/isopod', '--root'],
    [
      'another root directory than the agent has',
      ['--root', '/tmp/isopod-other'],
      '/tmp/isopod-other',
      'choose another',
    ],
  ];
  for (const [what, words, ...says] of cases) {
    test(what, async () => {
      await isopod.expect(['ps']); // an agent that has nothing to do ends
      await expectRefused(isopod, () => isopod.run([...words, 'ps']), { code: 125, says });
    });
  }

  test('a root directory on a read-only file system', async () => {
    const mount = mountTmpfs('read-only', 'ro');
    const words = ['--root', join(mount, 'root'), '--state', join(isopod.directory, 'other'), 'ps'];
    const says = [mount, 'EROFS', '--root'];
    await expectRefused(isopod, () => isopod.run(words), { code: 125, says });
  });

  test.each(['root', 'state'])('a %s directory that is there, and is mounted read-only', async (option) => {
    const mount = mountTmpfs(`sealed-${option}`, 'ro');
    const [root, state] = [option === 'root' ? mount : isopod.root, option === 'state' ? mount : isopod.state];
    const says = [`the ${option} directory ${mount} cannot be used`, 'EROFS', `--${option}`, 'remount'];
    // The state directory of the agent that runs here has no room for another one.
    const own = option === 'root' ? join(isopod.directory, 'other') : state;
    const words = ['--root', root, '--state', own, 'ps'];
    await expectRefused(isopod, () => isopod.run(words), { code: 125, says });
    const agent = ['--root', root, '--state', own, 'agent', '--idle-exit', '1s'];
    await expectRefused(isopod, () => isopod.run(agent), { code: 125, says });
  });
});

test('a list of images that no agent can read is told at once, though the agent listens before it has read it', async () => {
  const root = mkdtempSync(join(tmpdir(), 'isopod-unreadable-'));
  undo.push(() => rmSync(root, { recursive: true }));
  writeFileSync(join(root, 'images.json'), '{"version":9,"images":[],"names":{}}');
  const words = ['--root', root, '--state', join(isopod.directory, 'unreadable'), 'images'];
  const { code, stderr } = await isopod.run(words);
  expect([code, stderr]).toEqual([125, expect.stringContaining('its version is 9, not 2')]);
  expect(stderr).toContain('restore the file, or remove it and pull the images again');
});

test('a relative root and state are taken from where the caller stands', async () => {
  const { stdout } = await isopod.shell(`cd ${isopod.directory} && isopod --root root --state ./state/ version --json`);
  expect(JSON.parse(stdout).agent).toMatchObject({ rootDir: isopod.root, stateDir: isopod.state });
});

/** An installation whose root directory is on a file system of its own; it goes before the mount does. */
function onOwnRoot(options: string, work: (own: Installation) => Promise<void>): Promise<void> {
  return onMount((own) => ['tmpfs', options, own.root], work);
}

async function onMount(
  mount: (own: Installation) => readonly [type: string, options: string, target: string],
  work: (own: Installation) => Promise<void>,
): Promise<void> {
  const own = new Installation();
  mkdirSync(own.root);
  const [type, options, target] = mount(own);
  execFileSync('mount', ['-t', type, '-o', options, 'isopod-test', target]);
  try {
    await work(own);
  } finally {
    await own.close(() => execFileSync('umount', [own.root]));
  }
}

describe('a disk that is full', () => {
  test('refuses a pull, and gives back what was taken', async () => {
    await onOwnRoot('size=3m', async (own) => {
      const layout = join(own.directory, 'layout');
      const image = buildImage([tarArchive([{ name: 'large', data: Buffer.alloc(8 << 20, 'x') }])]);
      writeLayout(layout, image);
      await own.expect(['run', '--rm', 'hello']);
      await settle(own);
      const says = ['no space left', own.root, 'isopod rmi'];
      await expectRefused(own, () => own.run(['run', '--rm', `oci:${layout}:1`, 'x']), { code: 125, says });
      await own.expect(['run', '--rm', 'hello']);
    });
  });

  test('refuses a launch that finds no inode left', async () => {
    await onOwnRoot('size=3m,nr_inodes=60', async (own) => {
      await own.expect(['run', '--rm', 'hello']);
      await settle(own);
      const filler = join(own.root, 'filler');
      mkdirSync(filler);
      fill(filler);
      const says = ['ENOSPC', 'free disk space', own.root];
      await expectRefused(own, () => own.run(['run', '--rm', 'hello']), { code: 125, says });
      execFileSync('rm', ['-r', filler]);
      await own.expect(['run', '--rm', 'hello']);
    });
  });

  test('does not stop a container whose log has no room', async () => {
    await onOwnRoot('size=3m', async (own) => {
      const script = 'head -c 6000000 /dev/zero | tr "\\0" "\\n"; echo end >&2; exit 3';
      const { code, stdout, stderr } = await own.run(['run', '--no-image', '/bin/sh', '-c', script]);
      expect({ code, bytes: stdout.length }).toEqual({ code: 3, bytes: 6_000_000 });
      expect(stderr).toContain('end');
    });
  });
});

test('a root directory on a file system that no overlay writes to is named as the reason, and a copy serves there', async () => {
  const overlay = (own: Installation) => {
    const [lower, upper, work] = ['lower', 'upper', 'work'].map((name) => join(own.directory, name));
    for (const path of [lower, upper, work]) mkdirSync(path as string);
    return ['overlay', `lowerdir=${lower},upperdir=${upper},workdir=${work}`, own.root] as const;
  };
  await onMount(overlay, async (own) => {
    const says = ['backend overlay', 'EINVAL', 'ext4, xfs, btrfs', '--backend copy'];
    await own.expect(['run', '--name', 'copied', 'hello']);
    const [told] = JSON.parse(await own.expect(['inspect', 'copied']));
    expect(told.backend).toMatchObject({ name: 'copy', because: expect.stringContaining('no overlay:') });
    await own.expect(['rm', 'copied']);
    await settle(own);
    await expectRefused(own, () => own.run(['run', '--rm', '--backend', 'overlay', 'hello']), { code: 125, says });
    await own.expect(['run', '--rm', '--no-image', '/bin/true']);
  });
});

/** An agent of an installation, started by hand in circumstances of its own. */
async function withAgent(
  words: (own: Installation) => readonly [command: string, ...words: string[]],
  work: (own: Installation) => Promise<void>,
): Promise<void> {
  const own = new Installation();
  const [command, ...rest] = words(own);
  const env = { ...own.env, ISOPOD_ALLOW_NAMESPACES: '1' };
  const agent = spawn(command, rest, { env, stdio: 'ignore' });
  const ended = new Promise((resolve) => agent.once('close', resolve));
  try {
    await until('the agent listens', () => existsSync(join(own.state, 'agent.sock')));
    await work(own);
  } finally {
    await own.close();
    await ended;
  }
}

test('a controller that the host does not mount is named, and the rest works', async () => {
  // Wherever it is mounted: somebody's chroot may have a second mount.
  const script = `grep -E ' - cgroup [^ ]+ .*\\bpids\\b' /proc/self/mountinfo | while read _ _ _ _ at _; do
    umount -l "$at" || exit 1
  done && exec "$0" agent`;
  const words = (own: Installation) =>
    ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, own.command] as const;
  await withAgent(words, async (own) => {
    await own.expect(['run', '--rm', '--isolation', 'cgroups/memory', '-m', '64m', '--no-image', '/bin/true']);
    await settle(own);
    const says = ['pids', 'mount'];
    const limited = ['run', '--rm', '--no-image', '--pids-limit', '10', '/bin/true'];
    await expectRefused(own, () => own.run(limited), { code: 125, says });
    const asked = ['run', '--rm', '--no-image', '--isolation', 'cgroups/pids', '/bin/true'];
    await expectRefused(own, () => own.run(asked), { code: 125, says });
  });
});

test('an agent without the capability to mount says so at the launch', async () => {
  const words = (own: Installation) =>
    ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin', own.command, 'agent'] as const;
  await withAgent(words, async (own) => {
    await own.expect(['ps']);
    const says = ['EPERM', 'with all capabilities'];
    await expectRefused(own, () => own.run(['run', '--rm', '--no-image', '/bin/true']), { code: 125, says });
  });
});

function writeLayout(directory: string, image: ReturnType<typeof buildImage>): void {
  for (const [path, bytes] of layoutOf(buildIndex([{ image, name: '1' }]), [image])) {
    mkdirSync(join(directory, path, '..'), { recursive: true });
    writeFileSync(join(directory, path), bytes);
  }
}

/** Makes empty files until there is no inode for another. */
function fill(directory: string): void {
  for (let index = 0; index < 1000; index += 1) {
    try {
      writeFileSync(join(directory, `${index}`), '');
    } catch {
      return;
    }
  }
  throw new Error('the file system did not get full');
}
