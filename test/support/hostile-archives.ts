import { base256, type TarEntry, TYPE, tarArchive } from './tar-writer.ts';

const OLD_SPARSE = Buffer.concat([base256(0, 12), base256(3, 12), base256(4096, 12), base256(3, 12)]);

/** Lists of entries, each an archive from which the fuzz target starts: one of every form the unpacker reads. */
const SEEDS: readonly (readonly TarEntry[])[] = [
  [
    { name: 'a/', type: TYPE.directory, mode: 0o2755 },
    { name: 'a/b', data: 'file' },
    { name: 'a/c', type: TYPE.hardLink, link: 'a/b' },
    { name: 'a/d', type: TYPE.symlink, link: '../../canary' },
    { name: 'a/d', type: TYPE.hardLink, link: 'a/d' },
    { name: 'a', data: 'replaced' },
  ],
  [
    { name: 'up', type: TYPE.symlink, link: '..' },
    { name: 'up/canary', data: 'dead' },
    { name: 'up/../canary', data: 'dead' },
  ],
  [
    { name: 'loop', type: TYPE.symlink, link: 'loop/loop/../x' },
    { name: 'loop/y', data: 'y' },
  ],
  [
    { name: 'L', type: TYPE.longName, data: `${'l/'.repeat(300)}\0` },
    { name: 'x', type: TYPE.symlink, link: 'y' },
  ],
  [
    { name: 'K', type: TYPE.longLink, data: `${'k'.repeat(300)}\0` },
    { name: 'x', type: TYPE.symlink, link: 'y' },
  ],
  [
    {
      name: 'x',
      data: 'x',
      pax: [
        ['path', 'p/q/r'],
        ['mtime', '-1.5'],
        ['uid', '4294967294'],
        ['SCHILY.xattr.user.a', 'b'],
        ['size', '1'],
      ],
    },
  ],
  [
    {
      name: 's',
      type: TYPE.oldSparse,
      magic: 'gnu',
      data: 'abcdef',
      raw: [
        { at: 386, bytes: OLD_SPARSE },
        { at: 483, bytes: base256(8192, 12) },
      ],
    },
  ],
  [
    {
      name: 's',
      data: `${'2\n0\n3\n4096\n3\n'.padEnd(512, '\0')}abcdef`,
      pax: [
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.minor', '0'],
        ['GNU.sparse.name', 'sparse'],
        ['GNU.sparse.realsize', '8192'],
      ],
    },
  ],
  [
    {
      name: 's',
      data: 'abcdef',
      pax: [
        ['GNU.sparse.size', '8192'],
        ['GNU.sparse.map', '0,3,4096,3'],
      ],
    },
  ],
  [
    { name: '.wh.a' },
    { name: 'a/b', data: 'x' },
    { name: 'a/.wh..wh..opq' },
    { name: '.wh.c' },
    { name: 'c/', type: TYPE.directory },
    { name: '.wh...' },
  ],
  [
    { name: 'n', type: TYPE.characterDevice, major: 1, minor: 3, mode: 0o6777 },
    { name: 'm', type: TYPE.blockDevice, major: 4095, minor: 1048575, uid: 2 ** 32 - 2 },
    { name: 'f', type: TYPE.fifo, mtime: -5 },
  ],
];

/** Archives for the fuzz target, the last ones cut. */
export function hostileArchives(): readonly Buffer[] {
  const whole = SEEDS.map((entries) => tarArchive(entries));
  return [...whole, ...whole.map((archive) => archive.subarray(0, archive.length - 1024 - 200))];
}
