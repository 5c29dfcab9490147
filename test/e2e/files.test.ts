import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { PlannedHost } from '../kernel/support/planned-host.ts';
import { IsopodHost } from '../support/isopod-host.ts';

const SLEEP = 'exec sleep 1000';
/** The image has names for few of them. */
const APPLETS = ['mkdir', 'ln', 'rm', 'touch', 'find', 'stat', 'chmod', 'mv', 'sleep', 'cat', 'ls', 'sort'];
const PRELUDE = APPLETS.map((name) => `${name}() { busybox ${name} "$@"; }; `).join('');
const SPARSE_BYTES = 4 * 2 ** 30;

describe.skipIf(!PlannedHost.isPossible)('files in and out of containers', () => {
  let host: IsopodHost;
  let image: string;
  beforeAll(async () => {
    host = await IsopodHost.make();
    await host.startAgent();
    image = host.busyboxImage();
  });
  afterAll(() => host.close());
  afterEach(() => host.removeAll());

  const empty = (): string => mkdtempSync(join(host.directory, 'tree-'));
  const cp = (...words: readonly string[]): Promise<string> => host.expect(['cp', ...words]);
  const run = (name: string, options: readonly string[] = [], script = SLEEP): Promise<string> =>
    host.expect([
      'run',
      '-d',
      '--name',
      name,
      ...options,
      image,
      'sh',
      '-c',
      `${PRELUDE}${script}`.replace('exec sleep', 'exec busybox sleep'),
    ]);
  const inside = (name: string, script: string): Promise<string> =>
    host.expect(['exec', name, 'sh', '-c', `${PRELUDE}${script}`]);

  async function refused(source: string, target: string, says: string): Promise<void> {
    const { code, stderr } = await host.run(['cp', source, target]);
    expect([code, stderr]).toEqual([125, expect.stringContaining(says)]);
  }

  /** One of each kind of thing that a tree may hold. */
  function variedTree(): string {
    const tree = join(empty(), 'tree');
    mkdirSync(join(tree, 'sub', 'deep'), { recursive: true });
    writeFileSync(join(tree, 'sub', 'file'), 'content\n', { mode: 0o640 });
    linkSync(join(tree, 'sub', 'file'), join(tree, 'same'));
    writeFileSync(join(tree, 'run.sh'), '#!/bin/sh\n');
    chmodSync(join(tree, 'run.sh'), 0o751);
    chmodSync(join(tree, 'sub', 'deep'), 0o1777);
    symlinkSync('/etc/passwd', join(tree, 'absolute'));
    symlinkSync('sub/file', join(tree, 'relative'));
    symlinkSync('nowhere', join(tree, 'dangling'));
    writeFileSync(join(tree, 'n'.repeat(200)), 'a long name');
    writeFileSync(join(tree, 'ümläut\n'), '');
    writeFileSync(join(tree, 'sparse'), 'x');
    truncateSync(join(tree, 'sparse'), SPARSE_BYTES);
    execFileSync('mkfifo', [join(tree, 'pipe')]);
    utimesSync(join(tree, 'sub', 'file'), 1_000_000_000.5, 1_000_000_000.25);
    return tree;
  }

  /** All that a copy keeps, by path. */
  function told(directory: string, below = ''): readonly string[] {
    return readdirSync(join(directory, below))
      .sort()
      .flatMap((name) => {
        const path = join(below, name);
        const status = lstatSync(join(directory, path));
        const link = status.isSymbolicLink() ? readlinkSync(join(directory, path)) : '';
        const content = status.isFile() && status.size < 1000 ? readFileSync(join(directory, path), 'utf8') : '';
        const { mode, nlink, size, mtimeMs } = status;
        const line = `${path} ${mode.toString(8)} ${status.isDirectory() ? '' : `${nlink} ${size}`} ${mtimeMs} ${link} ${content}`;
        return [line, ...(status.isDirectory() ? told(directory, path) : [])];
      });
  }

  test.each([
    ['an image', []],
    ['a user namespace', ['--userns', 'auto']],
    ['a tmpfs', ['--tmpfs', '/data']],
    ['a volume', ['-v', '/data']],
  ] as const)('a tree goes into a container with %s and comes back as it was', async (_, options) => {
    const tree = variedTree();
    await run('web', [...options]);
    await inside('web', 'mkdir -p /data');
    await cp(tree, 'web:/data');
    expect(await inside('web', 'cat /data/tree/sub/file; stat -c "%u %g %a" /data/tree/run.sh')).toBe(
      'content\n0 0 751',
    );
    const back = empty();
    await cp('web:/data/tree', back);
    expect(told(back)).toEqual(told(join(tree, '..')));
    expect(lstatSync(join(back, 'tree', 'sparse')).blocks).toBeLessThan(1000);
  });

  test('where a copy goes is as docker has it', async () => {
    const here = empty();
    mkdirSync(join(here, 'dir'));
    writeFileSync(join(here, 'dir', 'file'), 'one');
    writeFileSync(join(here, 'file'), 'two');
    await run('web');
    await inside('web', 'mkdir /target; echo old > /old; ln -s /target /link');
    await cp(join(here, 'file'), 'web:/target');
    await cp(join(here, 'file'), 'web:/target/other');
    await cp(join(here, 'file'), 'web:/link/');
    await cp(join(here, 'file'), 'web:/old');
    await cp(join(here, 'dir'), 'web:/target');
    await cp(join(here, 'dir'), 'web:/new');
    await cp(`${join(here, 'dir')}/.`, 'web:/target');
    expect(await inside('web', 'cd /; find target new old -type f | sort; cat /old /target/file')).toBe(
      'new/file\nold\ntarget/dir/file\ntarget/file\ntarget/other\ntwoone',
    );
    await refused(join(here, 'dir'), 'web:/old', 'is a directory, and /old is none');
    await refused(join(here, 'file'), 'web:/none/', 'ends with a slash and is no directory');
    await refused(join(here, 'file'), 'web:/none/file', 'there is no /none');
    await refused(join(here, 'none'), 'web:/target', 'there is no');
    await refused('web:/none', here, 'there is no /none');
    await inside('web', 'mkdir -p /target/file2/x');
    writeFileSync(join(here, 'dir', 'file2'), 'in the way');
    await refused(`${join(here, 'dir')}/.`, 'web:/target', 'is a directory, and something else was to take its place');
  });

  test('a symlink is copied as itself, with -L as what it leads to', async () => {
    await run('web', [], `echo content > /file; ln -s /file /link; touch /ready; ${SLEEP}`);
    await inside('web', 'while [ ! -e /ready ]; do sleep 0.1; done');
    const here = empty();
    await cp('web:/link', join(here, 'link'));
    await cp('-L', 'web:/link', join(here, 'followed'));
    expect(readlinkSync(join(here, 'link'))).toBe('/file');
    expect(readFileSync(join(here, 'followed'), 'utf8')).toBe('content\n');
  });

  test('owners and setuid are kept with -a alone, both ways', async () => {
    const here = empty();
    writeFileSync(join(here, 'file'), '');
    execFileSync('chown', ['123:456', join(here, 'file')]);
    chmodSync(join(here, 'file'), 0o4755);
    await run('web', ['--userns', 'auto']);
    await cp('-a', join(here, 'file'), 'web:/kept');
    await cp(join(here, 'file'), 'web:/given');
    expect(await inside('web', 'stat -c "%u %g %a" /kept /given')).toBe('123 456 4755\n0 0 755');
    await cp('-a', 'web:/kept', join(here, 'back'));
    await cp('web:/kept', join(here, 'mine'));
    const rights = (name: string) => {
      const { uid, gid, mode } = lstatSync(join(here, name));
      return [uid, gid, mode & 0o7777];
    };
    expect([rights('back'), rights('mine')]).toEqual([
      [123, 456, 0o4755],
      [process.getuid?.(), process.getgid?.(), 0o755],
    ]);
  });

  test('an archive goes through pipes', async () => {
    await run('web');
    await inside('web', 'mkdir -p /a/b; echo content > /a/b/file');
    expect(await host.shell('isopod cp web:/a - | isopod cp - web:/tmp')).toMatchObject({ code: 0, stderr: '' });
    expect(await inside('web', 'cat /tmp/a/b/file')).toBe('content');
    expect(await host.shell('isopod cp web:/a/. - | tar tf -')).toMatchObject({ code: 0, stdout: 'b/\nb/file\n' });
  });

  test('from one container into another, a nested one, and one that stands still', async () => {
    await run('web');
    await host.expect(['run', '-d', '--name', 'db', '--parent', 'web', image, 'sh', '-c', SLEEP]);
    await inside('web', 'echo content > /file');
    await cp('web:/file', 'web/db:/copied');
    await host.expect(['pause', 'web']);
    const here = empty();
    await cp('web/db:/copied', here);
    await cp(join(here, 'copied'), 'web:/again');
    await host.expect(['unpause', 'web']);
    expect(await inside('web', 'cat /again')).toBe('content');
  });

  test('of one that has ended there is what it has left, and more can be put there', async () => {
    await run('web', [], 'echo result > /result; rm /bin/true; mkdir /sub');
    await host.wait('web');
    const here = empty();
    await cp('web:/result', here);
    expect(readFileSync(join(here, 'result'), 'utf8')).toBe('result\n');
    await refused('web:/bin/true', here, 'there is no /bin/true');
    await cp(join(here, 'result'), 'web:/sub/put');
    await cp('web:/sub/put', join(here, 'back'));
    expect(readFileSync(join(here, 'back'), 'utf8')).toBe('result\n');
  });

  test('what is read-only takes nothing, and what is mounted on a file stays', async () => {
    const here = empty();
    writeFileSync(join(here, 'file'), 'new');
    writeFileSync(join(here, 'mounted'), 'mounted');
    await run('sealed', ['--read-only', '--tmpfs', '/tmp']);
    await run('web', ['-v', `${join(here, 'mounted')}:/config:ro`, '-v', `${here}:/shown:ro`]);
    const file = join(here, 'file');
    await refused(file, 'sealed:/file', 'is read-only');
    await cp(join(here, 'file'), 'sealed:/tmp/file');
    await refused(file, 'web:/shown/other', 'is read-only');
    await refused(file, 'web:/config', 'something is mounted on');
    expect(await inside('web', 'cat /config')).toBe('mounted');
    expect(existsSync(join(here, 'other'))).toBe(false);
  });

  test('files of the kernel are bounded, its directories and devices are refused', async () => {
    await run('web');
    const here = empty();
    await cp('web:/proc/1/comm', here);
    expect(readFileSync(join(here, 'comm'), 'utf8')).not.toBe('');
    await refused('web:/proc', here, 'is nothing that can be copied');
    await refused('web:/dev/null', here, 'null: operation not permitted');
  });

  test('a copy of more than a container may hold is told, and leaves nothing half', async () => {
    const here = empty();
    writeFileSync(join(here, 'large'), Buffer.alloc(3 << 20));
    await run('web', ['--tmpfs', '/small:size=1m']);
    await refused(join(here, 'large'), 'web:/small', 'no space is left for small/large');
    expect(await inside('web', 'ls -A /small')).toBe('');
  });
});
