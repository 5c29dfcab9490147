import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TarEntry, TYPE, tarArchive } from '../support/tar-writer.ts';
import { type UnpackBench, type UnpackLimits, unpackBench } from '../support/unpack-driver.ts';

const [EPERM, ENOENT, E2BIG, EINVAL, EFBIG, ENAMETOOLONG, ELOOP, EBADMSG, EMSGSIZE] = [1, 2, 7, 22, 27, 36, 40, 74, 90];

let bench: UnpackBench;
let outside: string;
beforeAll(() => {
  bench = unpackBench();
  outside = join(bench.directory, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'file'), 'untouched');
});
afterAll(() => bench.dispose());

async function unpacked(entries: readonly TarEntry[], limits?: UnpackLimits) {
  const target = bench.empty();
  return { target, answer: await bench.unpack(target, tarArchive(entries), limits) };
}

function expectOutsideUntouched(): void {
  expect(readdirSync(outside)).toEqual(['file']);
  expect(readFileSync(join(outside, 'file'), 'utf8')).toBe('untouched');
  expect(statSync(join(outside, 'file')).nlink).toBe(1);
}

test.each(['../outside/x', 'a/../../outside/x', '..', 'a/..'])('the name %s is refused and named', async (name) => {
  const { answer } = await unpacked([{ name, data: 'x' }]);
  expect(answer).toMatchObject({ errno: EINVAL, detail: name });
  expectOutsideUntouched();
});

test('an absolute name is made relative', async () => {
  const { target, answer } = await unpacked([{ name: '//etc/./motd', data: 'hi' }]);
  expect(answer).toMatchObject({ errno: 0 });
  expect(readFileSync(join(target, 'etc/motd'), 'utf8')).toBe('hi');
});

test('a path through a symlink that points outside ends inside the target', async () => {
  const { target, answer } = await unpacked([
    { name: 'absolute', type: TYPE.symlink, link: '/../../..'.concat(outside) },
    { name: 'absolute/new', data: 'x' },
    { name: 'relative', type: TYPE.symlink, link: '../../../../../../..'.concat(outside) },
    { name: 'relative/newer', data: 'x' },
    { name: 'magic', type: TYPE.symlink, link: '/proc/self/root' },
    { name: 'magic/etc/x', data: 'x' },
  ]);
  expect(answer).toMatchObject({ errno: 0 });
  expect(readdirSync(join(target, outside)).sort()).toEqual(['new', 'newer']);
  expect(readdirSync(join(target, 'proc/self/root/etc'))).toEqual(['x']);
  expect(readdirSync(target).sort()).toEqual(['absolute', 'magic', 'proc', 'relative', outside.split('/')[1]].sort());
  expectOutsideUntouched();
});

test('a file in the place of a symlink replaces the symlink and never writes through it', async () => {
  const { target, answer } = await unpacked([
    { name: 'a', type: TYPE.symlink, link: join(outside, 'file') },
    { name: 'a', data: 'mine', mode: 0o666 },
    { name: 'b', type: TYPE.symlink, link: join(outside, 'file') },
    { name: 'b', type: TYPE.fifo },
  ]);
  expect(answer).toMatchObject({ errno: 0 });
  expect(readFileSync(join(target, 'a'), 'utf8')).toBe('mine');
  expectOutsideUntouched();
});

test('a hard link never reaches outside, nor follows a symlink that does', async () => {
  const byDots = await unpacked([{ name: 'h', type: TYPE.hardLink, link: '../outside/file' }]);
  expect(byDots.answer).toMatchObject({ errno: EINVAL, detail: 'h' });
  const byRoot = await unpacked([{ name: 'h', type: TYPE.hardLink, link: join(outside, 'file') }]);
  expect(byRoot.answer).toMatchObject({ errno: ENOENT, detail: 'h' });
  const { target, answer } = await unpacked([
    { name: 's', type: TYPE.symlink, link: join(outside, 'file') },
    { name: 'h', type: TYPE.hardLink, link: 's' },
    { name: 'h', data: 'new' },
  ]);
  expect(answer).toMatchObject({ errno: 0 });
  expect(lstatSync(join(target, 's')).isSymbolicLink()).toBe(true);
  expectOutsideUntouched();
});

test('a hard link to itself is left as it is', async () => {
  const { target, answer } = await unpacked([
    { name: 'd/f', data: 'kept' },
    { name: 'l', type: TYPE.symlink, link: 'd' },
    { name: 'l/f', type: TYPE.hardLink, link: './d//f' },
  ]);
  expect(answer).toMatchObject({ errno: 0 });
  expect(readFileSync(join(target, 'd/f'), 'utf8')).toBe('kept');
});

test('a loop of symlinks ends', async () => {
  const { answer } = await unpacked([
    { name: 'a', type: TYPE.symlink, link: 'b' },
    { name: 'b', type: TYPE.symlink, link: 'a' },
    { name: 'a/x', data: 'x' },
  ]);
  expect(answer).toMatchObject({ errno: ELOOP, detail: 'a/x' });
});

test('a dangling symlink that grows with every look ends', async () => {
  const { answer } = await unpacked([
    { name: 'a', type: TYPE.symlink, link: 'b/a/../../a/x' },
    { name: 'a/x', data: 'x' },
  ]);
  expect(answer.errno).not.toBe(0);
});

test('more entries than allowed are refused, made or implied', async () => {
  const devices = Array.from({ length: 50 }, (_, i) => ({
    name: `dev${i}`,
    type: TYPE.characterDevice,
    major: 1,
    minor: i,
  }));
  const flood = await unpacked(devices, { maxEntries: 20 });
  expect(flood.answer).toMatchObject({ errno: E2BIG, entries: 20, detail: 'dev20' });
  expect(readdirSync(flood.target)).toHaveLength(20);
  const deep = await unpacked([{ name: 'd/'.repeat(40), data: '' }], { maxEntries: 20 });
  expect(deep.answer).toMatchObject({ errno: E2BIG });
  const exact = await unpacked(devices.slice(0, 20), { maxEntries: 20 });
  expect(exact.answer).toMatchObject({ errno: 0, entries: 20 });
});

test('more bytes than allowed are refused before they are written', async () => {
  const zeros = Buffer.alloc(1 << 20);
  const limits = { maxBytes: (1 << 20) + 10 };
  const { target, answer } = await unpacked(
    [
      { name: 'a', data: zeros },
      { name: 'b', data: zeros },
    ],
    limits,
  );
  expect(answer).toMatchObject({ errno: EFBIG, entries: 1, detail: 'b' });
  expect(existsSync(join(target, 'b'))).toBe(false);
  const after = Buffer.concat([tarArchive([]), Buffer.alloc(3 << 20)]);
  expect(await bench.unpack(bench.empty(), after, limits)).toMatchObject({ errno: EFBIG, detail: '' });
});

test('headers without end are refused', async () => {
  const limits = { maxHeaderBytes: 64 * 1024 };
  const long = await unpacked([{ name: 'a', pax: [['comment', 'c'.repeat(70_000)]] }], limits);
  expect(long.answer).toMatchObject({ errno: EMSGSIZE });
  const huge = await unpacked([{ name: 'x', type: TYPE.pax, size: 1n << 60n }], limits);
  expect(huge.answer).toMatchObject({ errno: EMSGSIZE });
  const many = Array.from({ length: 300 }, () => ({ name: 'g', type: TYPE.paxGlobal }));
  expect((await unpacked([...many, { name: 'a' }], limits)).answer).toMatchObject({ errno: EMSGSIZE });
});

test('sizes that cannot be are refused', async () => {
  for (const size of [-1n, -(1n << 62n)]) {
    expect((await unpacked([{ name: 'a', size }])).answer).toMatchObject({ errno: EINVAL, detail: 'a' });
  }
  expect((await unpacked([{ name: 'a', size: 1n << 62n }])).answer).toMatchObject({ errno: EFBIG, detail: 'a' });
  expect((await unpacked([{ name: 'a', size: 1n << 70n }])).answer).toMatchObject({ errno: EINVAL, detail: 'a' });
});

test('an archive that is cut at any block is refused, and one that is damaged', async () => {
  const archive = tarArchive([
    { name: 'dir/', type: TYPE.directory },
    { name: 'short', data: 'x'.repeat(1500), pax: [['path', 'dir/long']] },
    { name: 'link', type: TYPE.symlink, link: 'dir' },
  ]);
  for (let end = 0; end <= archive.length - 1024; end += 512) {
    const answer = await bench.unpack(bench.empty(), archive.subarray(0, end));
    expect(answer, `cut at ${end}`).toMatchObject({ errno: EBADMSG });
  }
  expect(await bench.unpack(bench.empty(), archive.subarray(0, 700))).toMatchObject({ errno: EBADMSG });
  expect((await unpacked([{ name: 'a', badChecksum: true }])).answer).toMatchObject({ errno: EBADMSG });
  expect(await bench.unpack(bench.empty(), Buffer.from('not a tar'.repeat(100)))).toMatchObject({ errno: EBADMSG });
});

test('names are kept to the byte, and refused where the kernel could not have them', async () => {
  const [most, more] = ['n'.repeat(255), 'n'.repeat(256)];
  const { target, answer } = await unpacked([
    { name: 'x', data: 'x', pax: [['path', most]] },
    { name: 'new\nline', data: 'x' },
  ]);
  expect(answer).toMatchObject({ errno: 0 });
  expect(readdirSync(target).sort()).toEqual(['new\nline', most]);
  expect((await unpacked([{ name: 'x', pax: [['path', more]] }])).answer).toMatchObject({ errno: ENAMETOOLONG });
  const path = 'd/'.repeat(2100);
  expect((await unpacked([{ name: 'x', pax: [['path', path]] }])).answer).toMatchObject({ errno: ENAMETOOLONG });
  expect((await unpacked([{ name: 'x', pax: [['path', 'a\0b']] }])).answer).toMatchObject({ errno: EINVAL });
});

test('attributes with which an archive would steer overlayfs are refused and named', async () => {
  const key = 'SCHILY.xattr.trusted.overlay.redirect';
  const { answer } = await unpacked([{ name: 'd/', type: TYPE.directory, pax: [[key, '/etc']] }]);
  expect(answer).toMatchObject({ errno: EPERM, detail: 'd (trusted.overlay.redirect)' });
});

test('the notes that we make in layers ourselves are refused from archives, and named', async () => {
  const key = 'SCHILY.xattr.trusted.isopod.implied';
  for (const name of ['d/', './']) {
    const { answer } = await unpacked([{ name, type: TYPE.directory, pax: [[key, 'rdwo']] }]);
    expect(answer).toMatchObject({ errno: EPERM, detail: `${name[0]} (trusted.isopod.implied)` });
  }
});

test('archives that readers would understand differently are refused', async () => {
  const twice = await unpacked([
    { name: 'L', type: TYPE.longName, data: 'one\0' },
    { name: 'x', pax: [['path', 'two']] },
  ]);
  expect(twice.answer).toMatchObject({ errno: EINVAL });
  const globalPath = await unpacked([{ name: 'g', type: TYPE.paxGlobal, data: '12 path=two\n' }, { name: 'x' }]);
  expect(globalPath.answer).toMatchObject({ errno: EINVAL });
});
