import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_ID_COUNT, DEFAULT_NAMESPACE_POLICY } from '../../src/model/namespace-policy.ts';
import { makeBusyboxRootfs } from '../bench/busybox-image.ts';
import { IsopodHost } from '../support/isopod-host.ts';
import { until } from './support/installation.ts';

const FIRST = DEFAULT_NAMESPACE_POLICY.idPool.first;

describe.skipIf(!existsSync('/bin/busybox'))('a user namespace (busybox)', () => {
  let host: IsopodHost;
  let image: string;
  beforeAll(async () => {
    host = await IsopodHost.make();
    image = host.busyboxImage();
    await host.expect(['pull', image]);
  });
  afterAll(() => host.close());
  afterEach(() => host.removeAll());

  const run = (options: readonly string[], script: string) =>
    host.run(['run', '--rm', '--userns', 'auto', ...options, image, 'sh', '-c', script]);
  const detached = (name: string, options: readonly string[], script = 'sleep 1000') =>
    host.expect(['run', '-d', '--name', name, '--userns', 'auto', ...options, image, 'sh', '-c', script]);
  const pidOf = async (name: string): Promise<number> => (await host.inspect(name)).pid ?? 0;
  const numbers = (text: string): readonly number[] => (text.match(/\d+/g) ?? []).map(Number);
  const mapOf = async (name: string) => numbers(readFileSync(`/proc/${await pidOf(name)}/uid_map`, 'utf8'));
  const uidOf = async (name: string) =>
    Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${await pidOf(name)}/status`, 'utf8'))?.[1]);

  test('root in the container is nobody of the host, and no two containers are the same', async () => {
    await detached('one', []);
    await detached('two', ['--userns', 'auto:size=2000', '-u', '1000:1000']);
    expect(await mapOf('one')).toEqual([0, FIRST, DEFAULT_ID_COUNT]);
    expect(await uidOf('one')).toBe(FIRST);
    expect(await mapOf('two')).toEqual([0, FIRST + DEFAULT_ID_COUNT, 2000]);
    expect(await uidOf('two')).toBe(FIRST + DEFAULT_ID_COUNT + 1000);
    const pid = await pidOf('one');
    expect(readlinkSync(`/proc/${pid}/ns/user`)).not.toBe(readlinkSync('/proc/self/ns/user'));
    const { code, stdout } = await host.run(['explain', '--actual', 'one']);
    expect({ code, differing: stdout.match(/^DIFFERS.*$/gm) }).toEqual({ code: 0, differing: null });
  });

  test('an image as a volume has the owners inside that it has on disk', async () => {
    // One layer is shown as it is, and a single file of it by a step of its own.
    for (const place of ['target=/volume', 'target=/volume,subpath=bin']) {
      const mount = ['--mount', `type=image,source=${image},${place}`];
      const ran = await run(mount, 'ls -ldn /volume; touch /volume/x');
      expect(ran).toMatchObject({
        code: 1,
        stdout: expect.stringMatching(/^drwxr-xr-x +[0-9]+ 0 +0 /),
        stderr: expect.stringContaining('Read-only'),
      });
    }
  });

  test('nothing on disk is chowned: layers, what the container writes, and volumes keep the owners that they have inside', async () => {
    const volume = join(host.directory, 'volume');
    mkdirSync(volume);
    writeFileSync(join(volume, 'theirs'), 'x');
    for (const path of [volume, join(volume, 'theirs')]) chownSync(path, 1000, 1000);
    const before = owners(join(host.root, 'layers'));
    const script = 'touch /mine /volume/of-root; ls -ln /volume; sleep 1000';
    await detached('writer', ['-v', `${volume}:/volume`], script);
    await detached('user', ['-v', `${volume}:/volume`, '-u', '1000'], 'touch /volume/of-user; sleep 1000');
    await until('both have written', () => existsSync(join(volume, 'of-root')) && existsSync(join(volume, 'of-user')));
    await until('it is listed', async () => (await host.expect(['logs', 'writer'])).includes('theirs'));
    expect(await host.expect(['logs', 'writer'])).toMatch(/-rw-r--r-- +1 1000 +1000 .* theirs/);
    expect(owners(volume)).toEqual({ 'of-root': '0:0', 'of-user': '1000:0', theirs: '1000:1000' });
    const { uid } = await host.inspect('writer');
    const written = owners(join(host.root, 'containers', uid, 'upper'));
    expect(written.mine).toBe('0:0');
    expect(new Set(Object.values(written))).toEqual(new Set(['0:0']));
    expect(owners(join(host.root, 'layers'))).toEqual(before);
  });

  test('a directory as root file system is shown under other owners, and its files keep theirs', async () => {
    const directory = makeBusyboxRootfs(join(host.directory, 'rootfs'));
    const words = ['run', '--rm', '--userns', 'auto', '--rootfs', directory, 'sh', '-c', 'touch /made; ls -ln /made'];
    expect(await host.expect(words)).toMatch(/^-rw-r--r-- +1 0 +0 /);
    expect(owners(directory).made).toBe('0:0');
  });

  test('it has a /dev, /proc, terminals, streams and groups that work', async () => {
    const script =
      'echo x >/dev/null && echo err >/dev/stderr && head -c 1 /dev/zero | wc -c && mount -t tmpfs t /tmp; ' +
      'ls -ln /dev/full; ls /sys/fs/cgroup | sort | head -1; readlink /proc/self/ns/user';
    const { stdout, stderr } = await run(['-m', '64m'], script);
    expect(stdout).toMatch(/^1\ncrw-rw-rw- +1 0 +0 +1, +7 .*\n(cpu|cgroup\.controllers)\nuser:\[\d+\]\n$/);
    expect(stderr).toMatch(
      /^err\nmount: (permission denied|mounting t on \/tmp failed: (Operation not permitted|Permission denied))/,
    );
    const { output, code } = await host.terminal(
      ['run', '--rm', '-it', '--userns', 'auto', '-u', '1000', image, 'sh', '-c', 'ls -ln /dev/console'],
      [],
    );
    expect(code).toBe(0);
    expect(output).toMatch(/^crw--w---- +1 1000 +5 /);
  });

  test.each([['host'], ['container']] as const)('with the network of the %s /sys is shown, read-only', async (kind) => {
    await host.expect(['run', '-d', '--name', 'other', image, 'sleep', '1000']);
    const network = kind === 'host' ? 'host' : 'container:other';
    const { stdout, stderr, code } = await run(['--network', network], 'ls /sys | head -1; mkdir /sys/x; exit 3');
    expect({ stdout, code }).toEqual({ stdout: 'block\n', code: 3 });
    expect(stderr).toContain('Read-only file system');
  });

  test('exec is confined as the first process is, field by field, also through a new agent', async () => {
    const look =
      'grep -E "^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)" /proc/self/status; cat /proc/self/uid_map /proc/self/gid_map; ' +
      'for kind in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$kind; done; cat /proc/self/cgroup';
    await detached(
      'confined',
      ['-u', '7:8', '--time-offset', 'boottime=1h'],
      `{ ${look}; }; echo end; exec sleep 1000`,
    );
    await until('it has looked', async () => (await host.expect(['logs', 'confined'])).endsWith('\nend'));
    const first = (await host.expect(['logs', 'confined'])).replace(/\nend$/, '');
    expect(first).toMatch(/^Uid:\t7\t7\t7\t7$/m);
    expect(await host.expect(['exec', 'confined', 'sh', '-c', look])).toBe(first);
    await host.killAgent();
    expect(await host.expect(['exec', 'confined', 'sh', '-c', look])).toBe(first);
    expect(await host.expect(['exec', '-u', '0', 'confined', 'sh', '-c', 'echo ok >/dev/stderr; id -u'])).toBe('0');
  });

  test('ids are kept through a killed agent, and free again after the end', async () => {
    await detached('kept', []);
    await host.killAgent();
    await detached('next', []);
    expect((await mapOf('next'))[1]).toBe(FIRST + DEFAULT_ID_COUNT);
    await host.expect(['rm', '-f', 'kept']);
    await detached('again', []);
    expect((await mapOf('again'))[1]).toBe(FIRST);
  });

  test('a map of the caller is in force as it was given, and ids that it lacks are refused by name', async () => {
    const maps = ['--uidmap', '0:70000:10', '--uidmap', '10:1000:1'];
    const words = ['run', '--rm', ...maps, image, 'sh', '-c', 'cat /proc/self/uid_map /proc/self/gid_map'];
    const wanted = [0, 70_000, 10, 10, 1000, 1];
    expect(numbers(await host.expect(words))).toEqual([...wanted, ...wanted]);
    const { code, stderr } = await host.run(['run', '--rm', ...maps, '-u', '500', image, 'true']);
    expect(stderr).toContain('is not among the ids of the user namespace');
    expect(code).toBe(125);
  });

  test.each([
    [['--pid', 'host', '--userns', 'auto', 'IMAGE', 'true'], 'the kernel shows no /proc in a user namespace'],
    [['--userns', 'auto', '--no-image', '/bin/true'], "the host's own files"],
    [['--uidmap', '1:5:3', 'IMAGE', 'true'], 'no container id 0'],
    [['--userns', 'auto', '--isolation', 'filesystem/linux', 'IMAGE', 'true'], 'that is the work of'],
    [['--userns', 'auto:size=999999999', 'IMAGE', 'true'], 'no 999999999 ids in a row are free'],
  ])('%j is refused by name', async (words, message) => {
    const { code, stderr } = await host.run(['run', '--rm', ...words.map((word) => (word === 'IMAGE' ? image : word))]);
    expect(stderr).toContain(message);
    expect(code).toBe(125);
  });
});

/** `uid:gid` by name of a directory's entries, links and directories included. */
function owners(directory: string): Readonly<Record<string, string>> {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return Object.fromEntries(
    names.sort().map((name) => {
      const { uid, gid } = lstatSync(join(directory, name));
      return [name, `${uid}:${gid}`];
    }),
  );
}
