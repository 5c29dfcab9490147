import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { volumeImage } from '../support/volume-image.ts';
import { Installation } from './support/installation.ts';

let isopod: Installation;
/** An image with files at /data, owned by 1000:1001, which it declares as a volume. */
let image: string;
beforeAll(async () => {
  isopod = new Installation();
  image = volumeImage(isopod.directory, { volumes: ['/data'] });
  await isopod.expect(['pull', '-q', image]);
});
afterAll(() => isopod.close());
afterEach(async () => {
  const uids = (await isopod.expect(['ps', '-aq'])).split('\n').filter(Boolean);
  if (uids.length > 0) await isopod.expect(['rm', '-f', '-v', ...uids]);
  await isopod.expect(['volume', 'prune', '-a']);
});

const sh = (options: readonly string[], script: string) => isopod.run(['run', ...options, image, 'sh', '-c', script]);
const volumes = async (): Promise<readonly string[]> =>
  (await isopod.expect(['volume', 'ls', '-q'])).split('\n').filter(Boolean);
const dataOf = (name: string): string => join(isopod.root, 'volumes', name, 'data');

/** A directory of the host with a file in it. */
function hostDirectory(name: string): string {
  const path = join(isopod.directory, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'file'), 'of the host\n');
  return path;
}

describe('a named volume', () => {
  test('is made on first use and filled from the image, with owners, modes, links and attributes', async () => {
    const { stdout, code } = await sh(['--rm', '-v', 'data:/data'], 'cat /data/link; echo mine > /data/mine');
    expect({ stdout, code }).toEqual({ stdout: 'hello\n', code: 0 });
    const { uid, gid, mode } = statSync(dataOf('data'));
    expect({ uid, gid, mode: mode & 0o7777 }).toEqual({ uid: 1000, gid: 1001, mode: 0o750 });
    const noted = execFileSync('python3', [
      '-c',
      'import os,sys; print(os.getxattr(sys.argv[1], "user.note"))',
      join(dataOf('data'), 'file'),
    ]);
    expect(String(noted).trim()).toBe("b'kept'");
    expect(readdirSync(dataOf('data')).sort()).toEqual(['deep', 'file', 'link', 'mine']);
  });

  test('is not filled again, not even with what was removed from it', async () => {
    await sh(['--rm', '-v', 'data:/data'], 'rm /data/file; echo x > /data/kept');
    expect((await sh(['--rm', '-v', 'data:/data'], 'ls /data')).stdout).toBe('deep\nkept\nlink\n');
  });

  test('stays empty with nocopy', async () => {
    expect((await sh(['--rm', '-v', 'data:/data:nocopy'], 'ls /data')).stdout).toBe('');
  });

  test('is shown in part, and a part that is not there is named', async () => {
    await sh(['--rm', '-v', 'data:/data'], 'true');
    const mount = (subpath: string) => ['--rm', '--mount', `source=data,target=/part,subpath=${subpath}`];
    expect((await sh(mount('deep'), 'ls /part')).stdout).toBe('below\n');
    const { stderr, code } = await sh(mount('nowhere'), 'ls /part');
    expect({ stderr: stderr.split('\n')[0], code }).toEqual({
      ...{ stderr: expect.stringContaining('subpath nowhere is not in the volume'), code: 125 },
    });
  });

  test('a link in a subpath leads nowhere but inside the volume', async () => {
    await sh(['--rm', '-v', 'data:/data'], 'true');
    execFileSync('ln', ['-s', '/etc', join(dataOf('data'), 'out')]);
    const { code } = await sh(['--rm', '--mount', 'source=data,target=/part,subpath=out'], 'ls /part');
    expect(code).toBe(125);
  });

  test('that a container has cannot be removed', async () => {
    await sh(['--name', 'holder', '-v', 'data:/data'], 'true');
    const { stderr, code } = await isopod.run(['volume', 'rm', 'data']);
    expect({ code, refused: stderr.includes('volume data is used by') }).toEqual({ code: 1, refused: true });
    await isopod.expect(['rm', 'holder']);
    await isopod.expect(['volume', 'rm', 'data']);
    expect(existsSync(dataOf('data'))).toBe(false);
  });

  test('survives an agent that is killed, with its users', async () => {
    await isopod.expect(['run', '-d', '--name', 'holder', '-v', 'data:/mnt', image, 'sleep', '100']);
    process.kill(await isopod.agentPid(), 'SIGKILL');
    expect((await isopod.run(['volume', 'rm', 'data'])).stderr).toContain('is used by');
    const [found] = JSON.parse(await isopod.expect(['volume', 'inspect', 'data']));
    expect(found).toMatchObject({ name: 'data', driver: 'local', used: true, mountPoint: dataOf('data') });
  });

  test('is listed by label, and pruned by label', async () => {
    await isopod.expect(['volume', 'create', '-l', 'team=a', 'one']);
    await isopod.expect(['volume', 'create', 'two']);
    expect(await isopod.expect(['volume', 'ls', '-q', '-f', 'label=team=a'])).toBe('one');
    expect(await isopod.expect(['volume', 'prune', '-a', '--filter', 'label=team'])).toBe('one');
    expect(await volumes()).toEqual(['two']);
  });
});

describe('a volume without a name', () => {
  test('goes with a container that goes with its end', async () => {
    await sh(['--rm', '-v', '/own'], 'true');
    expect(await volumes()).toEqual([]);
  });

  test('goes with rm -v, and stays after rm', async () => {
    await sh(['--name', 'one'], 'true');
    expect(await volumes()).toHaveLength(1);
    await isopod.expect(['rm', '-v', 'one']);
    expect(await volumes()).toEqual([]);
    await sh(['--name', 'two'], 'true');
    await isopod.expect(['rm', 'two']);
    expect(await volumes()).toHaveLength(1);
    await isopod.expect(['volume', 'prune']);
    expect(await volumes()).toEqual([]);
  });

  test('of another container is borrowed, and outlives its owner as long', async () => {
    await sh(['--name', 'owner'], 'echo lent > /data/lent');
    await sh(['--name', 'borrower', '--volumes-from', 'owner:ro'], 'true');
    await isopod.expect(['rm', '-v', 'owner']);
    expect((await sh(['--rm', '--volumes-from', 'borrower'], 'cat /data/lent')).stdout).toBe('lent\n');
    expect(await volumes()).toHaveLength(1);
  });

  test.each([['../../etc'], ['/a/../../b'], ['/'], ['relative']])(
    'that an image declares at %s is refused',
    async (path) => {
      const evil = volumeImage(join(isopod.directory, encodeURIComponent(path)), { volumes: [path] });
      await isopod.expect(['pull', '-q', evil]);
      const { stderr, code } = await isopod.run(['run', '--rm', evil, 'true']);
      expect({ code, told: stderr.includes('no absolute path below its root') }).toEqual({ code: 125, told: true });
      await isopod.expect(['rmi', evil]);
    },
  );
});

describe('a host path', () => {
  test('is given to the user of the container, and is read-only afterwards', async () => {
    const path = hostDirectory('given');
    const { stdout, stderr } = await sh(['--rm', '-u', '1234:4321', '-v', `${path}:/h:U,ro`], 'ls -n /h; touch /h/x');
    expect(stdout).toMatch(/1234 +4321 .* file/);
    expect(stderr).toContain('Read-only file system');
    chownSync(path, 0, 0);
  });

  test('is seen through an id map, and stays as it was', async () => {
    const path = hostDirectory('mapped');
    const mount = `type=bind,source=${path},target=/h,"idmap=uids=0-5000-10;gids=0-6000-10"`;
    expect((await sh(['--rm', '--mount', mount], 'ls -n /h')).stdout).toMatch(/5000 +6000 .* file/);
    expect(statSync(join(path, 'file')).uid).toBe(0);
  });

  test('that is a device is one', async () => {
    const { stdout } = await sh(
      ['--rm', '-v', '/dev/zero:/dev/mine'],
      'dd if=/dev/mine bs=4 count=1 2>/dev/null | wc -c',
    );
    expect(stdout.trim()).toBe('4');
  });

  test('that is not there is an error, and is not made', async () => {
    const path = join(isopod.directory, 'nowhere');
    expect((await sh(['--rm', '-v', `${path}:/h`], 'true')).stderr).toContain(`host path ${path} of the volume`);
    expect(existsSync(path)).toBe(false);
  });
});

describe('mounts below a host path', () => {
  let top: string;
  beforeAll(() => {
    top = hostDirectory('shared');
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', top]);
    execFileSync('mount', ['--make-shared', top]);
    mkdirSync(join(top, 'below'));
    mkdirSync(join(top, 'later'));
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(top, 'below')]);
  });
  afterAll(() => execFileSync('umount', ['-R', top]));

  const touched = async (options: string): Promise<string> =>
    (
      await sh(
        ['--rm', '--mount', `type=bind,source=${top},target=/h,${options}`],
        'touch /h/a && echo top; touch /h/below/b && echo below',
      )
    ).stdout;

  test('are as read-only as it is, unless they are to be writable, or left out', async () => {
    expect(await touched('ro')).toBe('');
    expect(await touched('ro,bind-recursive=readonly')).toBe('');
    expect(await touched('ro,bind-recursive=writable')).toBe('below\n');
    expect(existsSync(join(top, 'below/b'))).toBe(true);
    execFileSync('rm', [join(top, 'below/b')]);
    expect(await touched('bind-recursive=disabled')).toBe('top\nbelow\n');
    expect(existsSync(join(top, 'below/b'))).toBe(false);
  });

  test('that are made later reach a slave, and not a private one', async () => {
    const words = (propagation: string) => ['run', '-d', '-v', `${top}:/h:${propagation}`, image, 'sleep', '100'];
    const [slave, alone] = [await isopod.expect(words('rslave')), await isopod.expect(words('rprivate'))];
    execFileSync('mount', ['-t', 'tmpfs', 'later', join(top, 'later')]);
    const mounts = async (uid: string) =>
      (await isopod.expect(['exec', uid, 'cat', '/proc/mounts'])).includes('/h/later');
    expect([await mounts(slave), await mounts(alone)]).toEqual([true, false]);
    execFileSync('umount', [join(top, 'later')]);
    expect(await mounts(slave)).toBe(false);
  });

  test('a shared one shares both ways, and a private source is refused', async () => {
    const uid = await isopod.expect(['run', '-d', '-v', `${top}:/h:rshared`, image, 'sleep', '100']);
    const table = await isopod.expect(['exec', uid, 'cat', '/proc/self/mountinfo']);
    const peer = / \/h .* shared:(\d+) /.exec(table)?.[1];
    const host = readFileSync('/proc/self/mountinfo', 'utf8');
    expect(new RegExp(` ${top} .* shared:(\\d+) `).exec(host)?.[1]).toBe(peer);
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(top, 'later')]);
    execFileSync('mount', ['--make-private', join(top, 'later')]);
    const { stderr } = await sh(['--rm', '-v', `${join(top, 'later')}:/h:rshared`], 'true');
    execFileSync('umount', [join(top, 'later')]);
    expect(stderr).toContain(`the mount that it is on, ${join(top, 'later')}, is not shared`);
  });
});

test('an image is a volume, in whole or in part, and is not removed meanwhile', async () => {
  const tools = volumeImage(join(isopod.directory, 'tools'), { volumes: [] });
  const mount = (rest: string) => ['--mount', `type=image,source=${tools},target=/tools${rest}`];
  const { stdout, stderr } = await sh(['--rm', ...mount('')], 'cat /tools/data/file; touch /tools/x');
  expect(stdout).toBe('hello\n');
  expect(stderr).toContain('Read-only file system');
  expect((await sh(['--rm', ...mount(',subpath=data/link')], 'cat /tools')).stdout).toBe('hello\n');
  await sh(['--name', 'holder', ...mount('')], 'true');
  expect((await isopod.run(['rmi', tools])).code).not.toBe(0);
  await isopod.expect(['rm', '-v', 'holder']);
  await isopod.expect(['rmi', tools]);
});

test('a sandbox directory belongs to the user of the container, and is in its sandbox directory', async () => {
  await sh(['--name', 'boxed', '-u', '4321', '--mount', 'type=sandbox,source=a/b,target=/box'], 'echo x > /box/made');
  const [{ sandboxDir }] = JSON.parse(await isopod.expect(['inspect', 'boxed']));
  expect(statSync(join(sandboxDir, 'a/b/made')).uid).toBe(4321);
});

test('a tmpfs holds what it may, and runs nothing', async () => {
  const script = 'cp /bin/busybox /t/b; /t/b true; dd if=/dev/zero of=/t/z bs=1M count=8';
  const { stderr, code } = await sh(['--rm', '--tmpfs', '/t:size=4m,mode=700'], script);
  expect(stderr).toContain('Permission denied');
  expect(stderr).toContain('No space left on device');
  expect(code).not.toBe(0);
});

test('a secret is in its file and its variable, and nowhere else', async () => {
  const secret = `secret-${Math.random().toString(36).slice(2)}${Math.random().toString(36).slice(2)}`;
  writeFileSync(join(isopod.directory, 'given-secret'), secret);
  const source = `source=${join(isopod.directory, 'given-secret')}`;
  const script = '[ "$(cat /run/secrets/token)" = "$TOKEN" ] && echo same; sleep 100';
  const uid = await isopod.expect([
    ...['run', '-d', '--secret', `token,${source}`, '--secret', `copy,${source},type=env,target=TOKEN`],
    ...[image, 'sh', '-c', script],
  ]);
  expect(await isopod.expect(['exec', uid, 'cat', '/run/secrets/token'])).toBe(secret);
  const { stdout: environment } = await isopod.run(['exec', uid, 'env']);
  const told = [environment];
  for (const words of [
    ['inspect', uid],
    ['explain', '--json', '--actual', uid],
    ['ps', '-a', '--json'],
    ['logs', uid],
  ]) {
    told.push((await isopod.run(words)).stdout);
  }
  expect(told.join('\n')).not.toContain(secret);
  execFileSync('rm', [join(isopod.directory, 'given-secret')]);
  for (const text of [secret, Buffer.from(secret).toString('base64').slice(0, -4)]) {
    const found = execFileSync('sh', ['-c', `grep -rlaF -e "${text}" "${isopod.directory}" || true`]);
    expect(String(found)).toBe('');
  }
  expect((await isopod.run(['run', '--rm', image, 'env'])).stdout).not.toContain(secret);
});

test('links that a running container swaps in a shared volume lead the mounts of another nowhere (CVE-2021-30465)', async () => {
  const swap = 'cd /data; while :; do rm -rf x; ln -s /proc/1/root x 2>/dev/null; rm -f x; mkdir x 2>/dev/null; done';
  await isopod.expect(['run', '-d', '-v', 'race:/data', image, 'sh', '-c', swap]);
  const words = ['--rm', '-v', 'race:/data', '--mount', 'source=race,target=/part,subpath=x', '--tmpfs', '/data/x/y'];
  for (let count = 0; count < 10; count += 1) {
    const { stdout } = await sh(words, 'ls /part');
    // Not `root`: `ln` makes a link of that name in the directory that a mount target has just become.
    expect(stdout).not.toMatch(/^(proc|sys|etc)$/m);
  }
}, 300_000);
