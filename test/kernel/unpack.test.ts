import { execFileSync } from 'node:child_process';
import { lstatSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TYPE, tarArchive } from '../support/tar-writer.ts';
import { describeTree } from '../support/tree.ts';
import { type UnpackBench, unpackBench } from '../support/unpack-driver.ts';

let bench: UnpackBench;
beforeAll(() => {
  bench = unpackBench();
});
afterAll(() => bench.dispose());

/** A tree with everything that a layer may hold. */
const FILL = `
import os, sys
os.chdir(sys.argv[1])
os.umask(0)
def file(path, data=b'x', mode=0o644):
    with open(path, 'wb') as f: f.write(data)
    os.chmod(path, mode)
long = 'l' * 120 + '/' + 'm' * 120
os.makedirs(long); file(long + '/' + 'n' * 120, b'long')
os.makedirs('a/b', 0o700); os.mkdir('sticky'); os.chmod('sticky', 0o1777)
os.mkdir('group'); os.chown('group', 0, 50); os.chmod('group', 0o2775); file('group/inside'); os.mkdir('group/below')
file('a/empty', b''); file('a/odd', b'y' * 1001); file('a/b/large', os.urandom(700000), 0o600)
file('suid', b's', 0o644); os.chown('suid', 1000, 1001); os.chmod('suid', 0o6755)
file('name with\\nnewline and \\u00fc'); file('capable')
os.setxattr('capable', 'security.capability', bytes.fromhex('0100000200200000000000000000000000000000'))
os.setxattr('a/odd', 'user.note', b'with = and \\n'); os.setxattr('a', 'user.directory', b'd')
os.link('a/odd', 'z-link'); os.symlink('/etc/passwd', 'absolute'); os.symlink('../..', 'a/up'); os.symlink('t' * 300, 'far')
os.link('far', 'far-too'); os.lchown('absolute', 7, 8)
os.mkfifo('fifo', 0o640); os.mknod('null', 0o020666, os.makedev(1, 3)); os.mknod('disk', 0o060600, os.makedev(300, 70000))
with open('holes', 'wb') as f:
    for at in range(0, 60): f.seek(at * 100000); f.write(b'data%d' % at)
    f.truncate(9000000)
for at, dirs, files in os.walk('.', topdown=False):
    for name in files + dirs: os.utime(os.path.join(at, name), ns=(1, 1500000000123456789), follow_symlinks=False)
os.utime('a/odd', ns=(0, -1250000000)); os.utime('.', ns=(1, 1400000000000000000))
`;

function filledTree(): string {
  const source = bench.empty();
  execFileSync('python3', ['-c', FILL, source]);
  return source;
}

function gnuTar(source: string, options: readonly string[]): Buffer {
  return execFileSync('tar', ['-c', ...options, '-C', source, '.'], { maxBuffer: 1 << 27 });
}

test.each([
  ['0.0', ['--sparse-version=0.0']],
  ['0.1', ['--sparse-version=0.1']],
  ['1.0', ['--sparse-version=1.0']],
])('a pax archive with sparse files of version %s becomes the tree it was made from', async (_version, sparse) => {
  const source = filledTree();
  const target = bench.empty();
  const archive = gnuTar(source, ['--format=pax', '--xattrs', '--xattrs-include=*', '-S', ...sparse]);
  expect(await bench.unpack(target, archive)).toMatchObject({ errno: 0 });
  expect(describeTree(target)).toEqual(describeTree(source));
  expect(statSync(join(target, 'holes')).blocks).toBeLessThanOrEqual(statSync(join(source, 'holes')).blocks);
});

test('a GNU archive with long names, sparse files and base-256 numbers becomes what GNU tar makes of it', async () => {
  const source = filledTree();
  const archive = gnuTar(source, ['--format=gnu', '-S']);
  const [target, reference] = [bench.empty(), bench.empty()];
  expect(await bench.unpack(target, archive)).toMatchObject({ errno: 0 });
  execFileSync('tar', ['-xp', '-C', reference], { input: archive });
  expect(describeTree(target)).toEqual(describeTree(reference));
  expect(statSync(join(target, 'holes')).blocks).toBeLessThan(9000000 / 512 / 2);
});

test('unpacking over an existing tree gives the same tree again', async () => {
  const source = filledTree();
  const target = bench.empty();
  const archive = gnuTar(source, ['--format=pax', '--xattrs', '--xattrs-include=*']);
  await bench.unpack(target, archive);
  expect(await bench.unpack(target, archive)).toMatchObject({ errno: 0 });
  expect(describeTree(target)).toEqual(describeTree(source));
});

test('a later entry replaces what an earlier one made, whatever the two are', async () => {
  const target = bench.empty();
  const archive = tarArchive([
    { name: 'one/', type: TYPE.directory },
    { name: 'one/deep/file', data: 'below' },
    { name: 'one', data: 'file' },
    { name: 'two', data: 'file' },
    { name: 'two/', type: TYPE.directory },
    { name: 'two/inside', data: 'in' },
    { name: 'three', type: TYPE.symlink, link: 'two' },
    { name: 'three/', type: TYPE.directory },
    { name: 'three/own', data: 'own' },
    { name: 'four', type: TYPE.fifo },
    { name: 'four', type: TYPE.symlink, link: '/nowhere' },
    { name: 'four', data: 'at last' },
  ]);
  expect(await bench.unpack(target, archive)).toMatchObject({ errno: 0, entries: 12 });
  expect(readFileSync(join(target, 'one'), 'utf8')).toBe('file');
  expect(readFileSync(join(target, 'two/inside'), 'utf8')).toBe('in');
  expect(readFileSync(join(target, 'three/own'), 'utf8')).toBe('own');
  expect(readFileSync(join(target, 'four'), 'utf8')).toBe('at last');
  expect(() => lstatSync(join(target, 'two/own'))).toThrow('ENOENT');
});

test('directories that a path was resolved through are resolved again once one of them was replaced', async () => {
  const target = bench.empty();
  const archive = tarArchive([
    { name: 'x/', type: TYPE.directory },
    { name: 'y/', type: TYPE.directory },
    { name: 'way', type: TYPE.symlink, link: 'x' },
    { name: 'way/first', data: '1' },
    { name: 'way', type: TYPE.symlink, link: 'y' },
    { name: 'way/second', data: '2' },
  ]);
  expect(await bench.unpack(target, archive)).toMatchObject({ errno: 0 });
  expect(readFileSync(join(target, 'x/first'), 'utf8')).toBe('1');
  expect(readFileSync(join(target, 'y/second'), 'utf8')).toBe('2');
});

test('missing parents are made 0755 for root, also where a dangling symlink points', async () => {
  const target = bench.empty();
  const archive = tarArchive([
    { name: 'lib', type: TYPE.symlink, link: '/usr/lib' },
    { name: 'sbin', type: TYPE.symlink, link: 'usr/../usr/sbin' },
    { name: 'lib/modules/first.ko', data: 'ko' },
    { name: 'sbin/init', data: 'init' },
  ]);
  expect(await bench.unpack(target, archive)).toMatchObject({ errno: 0 });
  expect(readFileSync(join(target, 'usr/lib/modules/first.ko'), 'utf8')).toBe('ko');
  expect(readFileSync(join(target, 'usr/sbin/init'), 'utf8')).toBe('init');
  expect(statSync(join(target, 'usr/lib/modules'))).toMatchObject({ mode: 0o40755, uid: 0, gid: 0 });
  expect(readlinkSync(join(target, 'lib'))).toBe('/usr/lib');
});

test('records of a global header hold for all entries, those of a local one for the next only', async () => {
  const target = bench.empty();
  const archive = tarArchive([
    { name: 'global', type: TYPE.paxGlobal, data: '12 uid=1234\n16 mtime=1234.5\n' },
    { name: 'one', data: '' },
    {
      name: 'short',
      data: 'two',
      pax: [
        ['path', 'two'],
        ['uid', '99'],
      ],
    },
    { name: 'three', data: '', pax: [['uid', '']] },
  ]);
  expect(await bench.unpack(target, archive)).toMatchObject({ errno: 0, entries: 3 });
  expect(statSync(join(target, 'one'))).toMatchObject({ uid: 1234, mtimeMs: 1234500 });
  expect(statSync(join(target, 'two'))).toMatchObject({ uid: 99, size: 3 });
  expect(statSync(join(target, 'three'))).toMatchObject({ uid: 1234 });
});

test('the prefix of ustar and the slash of a V7 directory are understood', async () => {
  const target = bench.empty();
  const archive = tarArchive([
    { name: 'file', prefix: 'some/where', data: 'p' },
    { name: 'old/', type: '\0', magic: 'none', mode: 0o755 },
    { name: 'old/file', type: '\0', magic: 'none', data: 'o' },
  ]);
  expect(await bench.unpack(target, archive)).toMatchObject({ errno: 0 });
  expect(readFileSync(join(target, 'some/where/file'), 'utf8')).toBe('p');
  expect(readFileSync(join(target, 'old/file'), 'utf8')).toBe('o');
});

test('what follows the end of an archive is read and forgotten', async () => {
  const target = bench.empty();
  const archive = Buffer.concat([tarArchive([{ name: 'a', data: 'a' }]), Buffer.alloc(300_000, 7)]);
  expect(await bench.unpack(target, archive)).toMatchObject({ errno: 0, entries: 1, bytes: 1 });
});

test.each([
  ['tmpfs', 'size=256k', 28, { name: 'large', data: Buffer.alloc(1 << 20) }, 'large'],
  ['ramfs', 'mode=700', 95, { name: 'noted', pax: [['SCHILY.xattr.user.note', 'n']] as const }, 'noted (user.note)'],
])('what a %s with %s cannot keep is an error that names it', async (type, options, errno, entry, detail) => {
  const target = bench.empty();
  execFileSync('mount', ['-t', type, '-o', options, 'isopod-test', target]);
  try {
    expect(await bench.unpack(target, tarArchive([entry]))).toMatchObject({ errno, detail });
  } finally {
    execFileSync('umount', [target]);
  }
});

test('where no attributes are kept, directories that no entry names are made all the same', async () => {
  const target = bench.empty();
  execFileSync('mount', ['-t', 'ramfs', '-o', 'mode=700', 'isopod-test', target]);
  try {
    expect(await bench.unpack(target, tarArchive([{ name: 'a/b/c', data: 'x' }]))).toMatchObject({ errno: 0 });
    expect(readFileSync(join(target, 'a/b/c'), 'utf8')).toBe('x');
  } finally {
    execFileSync('umount', [target]);
  }
});
