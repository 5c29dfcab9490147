import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { connectWorker, type Worker } from '../../src/linux/helper-worker.ts';
import type { TreeChanges } from '../../src/linux/tree-copy.ts';
import { WHITEOUTS } from '../../src/model/wire.ts';
import { HELPER_BINARY, TestHelper } from './support/helper-client.ts';

let helper: TestHelper;
let directory: string;
let workers: Worker[];

beforeEach(async () => {
  helper = new TestHelper();
  await helper.start([HELPER_BINARY]);
  directory = mkdtempSync(join(tmpdir(), 'isopod-changes-'));
  workers = [];
  for (const name of ['base', 'top', 'upper', 'work', 'merged', 'layer', 'other']) mkdirSync(join(directory, name));
});
afterEach(async () => {
  for (const worker of workers) worker.close();
  await helper.stop();
  rmSync(directory, { recursive: true });
});

const sh = (script: string): string => execFileSync('sh', ['-euc', script], { cwd: directory, encoding: 'utf8' });

/** Runs a script in the overlay of both layers and the upper directory; the mount goes with its mount namespace. */
function inOverlay(script: string): string {
  const mount = 'mount -t overlay overlay -o lowerdir=top:base,upperdir=upper,workdir=work merged';
  return execFileSync('unshare', ['-m', 'sh', '-euc', `${mount}; cd merged; ${script}`], {
    cwd: directory,
    encoding: 'utf8',
  });
}

const DESCRIBE = `
find . -mindepth 1 ! -type d -printf '%P %y %m %U:%G %s %T@ %l %n\\n' -o -mindepth 1 -type d -printf '%P %y %m %U:%G\\n' | sort
find . -type f -print0 | sort -z | xargs -0 -r sha256sum
find . \\( -type c -o -type b \\) -exec stat -c '%n %t:%T' {} + | sort
getfattr -dhR -m '^(user|trusted.note|system.posix_acl|security.capability)' . 2>/dev/null
find . -type f -links +1 -printf '%i %P\\n' | sort | awk '{ n[$1] = n[$1] " " $2 } END { for (i in n) print n[i] }' | sort`;

/** The tree of these layers, top first, as text. */
function treeOf(layers: readonly string[]): string {
  const mount = `mount -t overlay overlay -o lowerdir=${layers.join(':')} merged`;
  return execFileSync('unshare', ['-m', 'sh', '-euc', `${mount}; cd merged; ${DESCRIBE}`], {
    cwd: directory,
    encoding: 'utf8',
  });
}

async function connect(): Promise<Worker> {
  const worker = await connectWorker(nodeEffects(), helper.socketPath);
  workers.push(worker);
  return worker;
}

async function changes(layers: readonly string[] = ['top', 'base']): Promise<TreeChanges> {
  const lower = layers.map((name) => join(directory, name));
  return (await connect()).enterChanges({ upper: join(directory, 'upper'), lower, whole: false });
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of chunks) parts.push(part);
  return Buffer.concat(parts);
}

async function list(without: readonly string[] = [], layers?: readonly string[]): Promise<readonly string[]> {
  const bytes = await bytesOf((await changes(layers)).pack('list', without));
  return bytes
    .toString()
    .split('\0')
    .slice(0, -1)
    .sort((one, other) => (one.slice(2) < other.slice(2) ? -1 : 1));
}

async function layer(without: readonly string[] = []): Promise<Buffer> {
  return bytesOf((await changes()).pack('layer', without));
}

const names = (archive: Buffer): readonly string[] =>
  execFileSync('tar', ['tf', '-'], { input: archive, encoding: 'utf8' }).trim().split('\n').filter(Boolean).sort();

async function unpacked(archive: Buffer): Promise<void> {
  async function* once(): AsyncGenerator<Uint8Array> {
    yield archive;
  }
  const limits = { maxEntries: 1e6, maxBytes: 1e9, maxHeaderBytes: 1 << 20 };
  const worker = await connect();
  const target = { directory: join(directory, 'layer'), whiteouts: WHITEOUTS.overlay, ...limits };
  expect(await worker.unpack(target, once())).toMatchObject({ ok: true });
}

const BASE = `
mkdir -p base/etc base/gone/deep base/replaced base/kept/a/b base/dir2file
echo one > base/etc/one; echo two > base/etc/two; echo x > base/gone/deep/x; echo r > base/replaced/old; echo q > base/replaced/both
echo k > base/kept/a/b/k; echo f > base/dir2file/f; echo g > base/file2dir; ln -s etc base/link
mkdir -p top/etc; echo three > top/etc/three`;

describe('what was written over layers', () => {
  test('is told as A, C and D, with the directories that it is in', async () => {
    sh(BASE);
    inOverlay(`
echo more >> etc/one; rm etc/two; rm -r gone; rm -r replaced; mkdir replaced; echo new > replaced/new; echo q > replaced/both
rm -r dir2file; echo f > dir2file; rm file2dir; mkdir file2dir; echo z > file2dir/z
chmod 600 etc/three; mkdir fresh; echo a > fresh/a; touch kept/a/b/k; cat kept/a/b/k; ln -sfn /elsewhere link`);
    expect(await list()).toEqual([
      ...['C /dir2file', 'C /etc', 'C /etc/one', 'C /etc/three', 'D /etc/two', 'C /file2dir', 'A /file2dir/z'],
      ...['A /fresh', 'A /fresh/a', 'D /gone', 'C /kept', 'C /kept/a', 'C /kept/a/b', 'C /kept/a/b/k', 'C /link'],
      ...['C /replaced', 'C /replaced/both', 'A /replaced/new', 'D /replaced/old'],
    ]);
  });

  test('a directory in which nothing was changed in the end is none of it', async () => {
    sh(BASE);
    inOverlay('cp -p kept/a/b/k kept/k.tmp; rm kept/k.tmp; touch -r ../base/kept kept');
    expect(await list()).toEqual([]);
    expect(names(await layer())).toEqual([]);
  });

  test('as a layer it makes the same tree of the layers below', async () => {
    sh(BASE);
    inOverlay(`
echo more >> etc/one; rm etc/two; rm -r gone; rm -r replaced; mkdir replaced; echo new > replaced/new
rm -r dir2file; echo f > dir2file; rm file2dir; mkdir file2dir; echo z > file2dir/z; rm -r kept/a; ln -s nowhere kept/a
mkdir fresh; echo a > fresh/a; ln fresh/a fresh/b; mkdir fresh/sub; ln fresh/a fresh/sub/c
truncate -s 5M fresh/hole; printf end >> fresh/hole; truncate -s 3M fresh/all-hole
mknod fresh/null c 1 3; mknod fresh/disk b 7 200; mkfifo fresh/fifo
setfattr -n user.note -v said fresh/a; setfattr -n user.dir -v said fresh; setfattr -n trusted.note -v root fresh/b
setfattr -n user.own -v said etc; setfacl -m u:77:r fresh/sub 2>/dev/null || true
cp /bin/true fresh/ping; setcap cap_net_raw+ep fresh/ping 2>/dev/null || true; chown 70000:99999 fresh/sub/c; chmod 6755 fresh/ping
touch -d '2001-02-03 04:05:06.789012345' fresh/a; name=$(printf '%0255d' 0); echo long > $name; mkdir -p d/$name/$name; echo deep > d/$name/$name/$name
ln -s nowhere fresh/old; touch -h -d '1965-01-01' fresh/old; umask 0; mkdir -m 1777 fresh/sticky`);
    const wanted = treeOf(['upper', 'top', 'base']);
    await unpacked(await layer());
    expect(treeOf(['layer', 'top', 'base'])).toBe(wanted);
    expect(wanted).toContain('user.note');
  });

  test('whiteouts are entries of no owner, before nothing that they could hide', async () => {
    sh(BASE);
    inOverlay('rm etc/two; rm -r replaced; mkdir replaced; echo new > replaced/new; rm -r kept');
    expect(names(await layer())).toEqual([
      ...['.wh.kept', 'etc/', 'etc/.wh.two', 'replaced/', 'replaced/.wh..wh..opq', 'replaced/new'],
    ]);
  });

  test('a hole for what no layer has is none of it', async () => {
    sh(`${BASE}; mknod upper/never c 0 0; mkdir upper/fresh; mknod upper/fresh/never c 0 0`);
    expect(await list()).toEqual(['A /fresh']);
    expect(names(await layer())).toEqual(['fresh/']);
  });

  test('with a single layer below, its own whiteouts are nothing that was there', async () => {
    sh(
      'mkdir base/etc; echo one > base/etc/one; mknod base/etc/hole c 0 0; mkdir -p upper/etc; echo x > upper/etc/hole; touch -r base/etc upper/etc',
    );
    expect(await list([], ['base'])).toEqual(['C /etc', 'A /etc/hole']);
  });
});

describe('a copy of all that the layers show', () => {
  const SHIFTED = { uidMap: '0 200000 1000\n', gidMap: '0 300000 1000\n' };
  const copied = async (form: 'list' | 'layer', maps?: typeof SHIFTED, without: readonly string[] = []) => {
    const lower = ['top', 'base'].map((name) => join(directory, name));
    const written = { upper: join(directory, 'other'), whole: true, lower, maps };
    return bytesOf((await (await connect()).enterChanges(written)).pack(form, without));
  };
  const told = async (maps?: typeof SHIFTED, without?: readonly string[]): Promise<readonly string[]> =>
    (await copied('list', maps, without)).toString().split('\0').slice(0, -1).sort();

  /** Makes the copy and changes something in it. */
  function inCopy(script: string): void {
    const mount = 'mount -t overlay overlay -o lowerdir=top:base merged; cp -a merged/. other';
    execFileSync('unshare', ['-m', 'sh', '-euc', mount], { cwd: directory });
    sh(`cd other; ${script}`);
  }

  const CHANGE = `
echo more >> etc/one; rm etc/two; rm -r gone; rm -r replaced; mkdir replaced; echo new > replaced/new
rm -r dir2file; echo f > dir2file; rm file2dir; mkdir file2dir; echo z > file2dir/z; rm -r kept/a; ln -s nowhere kept/a
mkdir fresh; echo a > fresh/a; ln fresh/a fresh/b; truncate -s 5M fresh/hole; mkfifo fresh/fifo; mknod fresh/null c 1 3
setfattr -n user.note -v said etc/three; ln -sfn /elsewhere link`;

  test('has changed where it differs from them, and nowhere else', async () => {
    sh(BASE);
    inCopy('');
    expect(await told()).toEqual([]);
    sh(
      'cd other; cp -p etc/one old; printf 1 | dd of=etc/one conv=notrunc status=none; touch -r old etc/one; rm old; touch -r ../base .',
    );
    expect(await told()).toEqual(['C /etc', 'C /etc/one']);
  });

  test('is told as an upper directory is, as a list and as a layer', async () => {
    sh(BASE);
    inCopy(CHANGE);
    expect(await told()).toEqual([
      ...['A /file2dir/z', 'A /fresh', 'A /fresh/a', 'A /fresh/b', 'A /fresh/fifo', 'A /fresh/hole', 'A /fresh/null'],
      ...[
        'A /replaced/new',
        'C /dir2file',
        'C /etc',
        'C /etc/one',
        'C /etc/three',
        'C /file2dir',
        'C /kept',
        'C /kept/a',
      ],
      ...['C /link', 'C /replaced', 'D /etc/two', 'D /gone', 'D /replaced/both', 'D /replaced/old'],
    ]);
    await unpacked(await copied('layer'));
    expect(treeOf(['layer', 'top', 'base'])).toBe(treeOf(['other', 'work']));
    expect(await told(undefined, ['/etc', '/fresh', '/gone'])).not.toContainEqual(
      expect.stringMatching(/etc|fresh|gone/),
    );
  });

  test('has the owners of the container where those on disk are others', async () => {
    sh(BASE);
    inCopy(
      `${CHANGE}; cp /bin/true fresh/ping; setcap cap_net_raw+ep fresh/ping; chown 5:6 fresh/a; chown 5000:0 fresh/hole`,
    );
    const [wanted, before] = [treeOf(['other', 'work']), await told()];
    sh(`
find other -uid 0 -exec chown -h 200000 {} +; find other -uid 5 -exec chown -h 200005 {} +
find other -gid 0 -exec chown -h :300000 {} +; find other -gid 6 -exec chown -h :300006 {} +
setcap -n 200000 cap_net_raw+ep other/fresh/ping`);
    await unpacked(await copied('layer', SHIFTED));
    expect(treeOf(['layer', 'top', 'base'])).toBe(wanted);
    expect(await told(SHIFTED)).toEqual(before);
  });

  test('maps that are none are refused', async () => {
    await expect(told({ uidMap: '0 x', gidMap: '' })).rejects.toMatchObject({ details: { errno: 'EINVAL' } });
  });
});

describe('what is left out', () => {
  test('goes with all below it, and with the directories that were made for it alone', async () => {
    sh(BASE);
    inOverlay(
      'mkdir -p made/for/it etc proc/x mine/data; touch etc/hosts; echo hidden > made/for/it/x; echo mine > mine/own',
    );
    const without = ['/made/for/it', '/etc/hosts', '/proc', '/mine/data'];
    expect(await list(without)).toEqual(['A /mine', 'A /mine/own']);
    expect(names(await layer(without))).toEqual(['mine/', 'mine/own']);
  });

  test('leaves what was changed beside it', async () => {
    sh(BASE);
    inOverlay('touch etc/hosts; rm etc/two; mkdir hosts; touch etc/hosts2');
    expect(await list(['/etc/hosts'])).toEqual(['C /etc', 'A /etc/hosts2', 'D /etc/two', 'A /hosts']);
  });
});

describe('what is refused', () => {
  test.each(['redirect', 'metacopy'])('what %s says is elsewhere', async (note) => {
    sh(
      `${BASE}; truncate -s 5 upper/file; mkdir upper/dir; setfattr -n trusted.overlay.${note} -v x upper/${note === 'redirect' ? 'dir' : 'file'}`,
    );
    await expect(list()).rejects.toMatchObject({ details: { errno: 'EXDEV' } });
  });

  test('an upper directory that is a link', async () => {
    sh('rmdir upper; ln -s base upper');
    await expect(changes()).rejects.toMatchObject({ details: { errno: 'ENOTDIR' } });
  });
});

test('a path is looked at in the layers alone', async () => {
  sh(`${BASE}; rm base/link; ln -s /etc base/link; ln -s /gone upper/link`);
  const found = await changes();
  expect(await found.lookAt('/link', false)).toMatchObject({ linkTarget: '/etc' });
  expect(await found.lookAt('/link/three', true)).toMatchObject({ sizeBytes: 6 });
});
