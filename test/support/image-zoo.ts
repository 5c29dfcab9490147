import { randomBytes } from 'node:crypto';
import { IMPLIED_ZOO } from './image-zoo-implied.ts';
import { type TarEntry, TYPE, tarArchive } from './tar-writer.ts';
import { directory, file, layer, link, symlink, type ZooImage } from './zoo-entries.ts';

const LONG = 'n'.repeat(255);

const EVERYTHING = layer(
  directory('d', { mode: 0o1777, uid: 7, gid: 8 }),
  file('d/file', 'content', { mode: 0o6755, uid: 1000, gid: 1001 }),
  file('d/empty', ''),
  symlink('d/relative', '../d/file'),
  symlink('d/absolute', '/etc/passwd'),
  symlink('d/dangling', 'nowhere'),
  link('d/hard', 'd/file', { mode: 0o6755, uid: 1000, gid: 1001 }),
  { name: 'd/fifo', type: TYPE.fifo, mode: 0o640, mtime: 1_300_000_000 },
  { name: 'd/null', type: TYPE.characterDevice, major: 1, minor: 3, mode: 0o666, mtime: 1_300_000_000 },
  { name: 'd/disk', type: TYPE.blockDevice, major: 8, minor: 1, mode: 0o660, mtime: 1_300_000_000 },
);

const SPARSE_PAX: TarEntry['pax'] = [
  ['GNU.sparse.major', '1'],
  ['GNU.sparse.minor', '0'],
  ['GNU.sparse.name', 'holes'],
  ['GNU.sparse.realsize', '3000000'],
];

function sparseData(): Buffer {
  const map = Buffer.alloc(512);
  map.write('2\n1000000\n512\n2999488\n512\n');
  return Buffer.concat([map, Buffer.alloc(512, 'a'), Buffer.alloc(512, 'z')]);
}

export const ZOO: readonly ZooImage[] = [
  { name: 'every type of entry', layers: [EVERYTHING] },
  {
    name: 'whiteouts of files and of directories',
    layers: [
      layer(
        directory('a'),
        file('a/kept'),
        file('a/gone'),
        directory('b'),
        file('b/inside'),
        directory('c'),
        file('c/x'),
      ),
      layer(directory('a'), file('a/.wh.gone', ''), file('.wh.b', '')),
      layer(directory('a'), file('a/new'), directory('b'), file('b/again')),
    ],
  },
  {
    name: 'an opaque directory',
    layers: [
      layer(directory('a'), file('a/hidden'), directory('a/deep'), file('a/deep/hidden'), file('beside')),
      layer(directory('a', { mode: 0o700 }), file('a/.wh..wh..opq', ''), file('a/own')),
      layer(directory('a', { mode: 0o711 }), file('a/later')),
    ],
  },
  {
    name: 'hard links across directories',
    layers: [
      layer(
        directory('one'),
        directory('two'),
        file('one/file'),
        link('two/same', 'one/file'),
        link('third', 'two/same'),
      ),
      layer(directory('two'), file('two/other'), link('two/other-too', 'two/other')),
    ],
  },
  {
    name: 'extended attributes',
    layers: [
      layer(
        directory('d', { pax: [['SCHILY.xattr.user.of-directory', 'd']] }),
        file('d/noted', 'x', { pax: [['SCHILY.xattr.user.note', 'a = b\nc']] }),
        file('capable', 'x', {
          pax: [['SCHILY.xattr.security.capability', Buffer.from('0100000200200000000000000000000000000000', 'hex')]],
        }),
      ),
    ],
  },
  {
    name: 'names of 255 bytes',
    layers: [
      layer(
        directory('long', { pax: [['path', LONG]] }),
        file('f', 'deep', {
          pax: [
            ['path', `${LONG}/${'m'.repeat(255)}`],
            ['mtime', '1200000000'],
          ],
        }),
        {
          ...symlink('s', 't'),
          pax: [
            ['path', 'pointer'],
            ['linkpath', `${LONG}/${'m'.repeat(255)}`],
          ],
        },
      ),
    ],
  },
  {
    name: 'fifty layers',
    layers: Array.from({ length: 50 }, (_, at) =>
      layer(
        directory('d'),
        file(`d/of-${at}`),
        file('d/last', `${at}`),
        ...(at % 7 === 6 ? [file(`d/.wh.of-${at - 3}`, '')] : []),
      ),
    ),
  },
  {
    name: 'empty layers',
    layers: [layer(file('a')), tarArchive([]), layer(file('b')), tarArchive([])],
  },
  {
    name: 'a file that replaces a directory, and back',
    layers: [
      layer(directory('x'), file('x/inside'), directory('x/deep'), file('x/deep/er'), file('y', 'file')),
      layer(file('x', 'now a file'), directory('y'), file('y/inside')),
      layer(directory('x'), file('x/fresh'), file('y', 'a file again')),
    ],
  },
  {
    name: 'a symlink that replaces a directory, and back',
    layers: [
      layer(directory('real'), file('real/in'), directory('x'), file('x/inside'), symlink('y', 'real')),
      layer(symlink('x', 'real'), directory('y'), file('y/own')),
    ],
  },
  {
    name: 'a directory symlink that is written through',
    layers: [layer(directory('usr'), directory('usr/lib'), symlink('lib', 'usr/lib'), file('lib/through'))],
  },
  {
    name: 'a directory symlink of the layer below, whose name has entries below it',
    layers: [
      layer(directory('usr'), directory('usr/lib'), file('usr/lib/old'), symlink('lib', 'usr/lib')),
      layer(directory('lib'), file('lib/own')),
    ],
  },
  {
    name: 'sparse files',
    layers: [
      layer({ name: 'GNUSparseFile.0/holes', data: sparseData(), mode: 0o644, mtime: 1_200_000_000, pax: SPARSE_PAX }),
    ],
  },
  {
    name: 'times below a second',
    layers: [
      layer(
        directory('d', { pax: [['mtime', '1100000000.123456789']] }),
        file('d/precise', 'x', { pax: [['mtime', '1200000000.987654321']] }),
        file('d/old', 'x', { pax: [['mtime', '1.5']] }),
        { ...symlink('d/link', 'old'), pax: [['mtime', '1200000000.25']] },
      ),
    ],
  },
  {
    name: 'owners above 65536',
    layers: [
      layer(
        file('large', 'x', { uid: 100_000, gid: 2_000_000 }),
        file('huge', 'x', {
          pax: [
            ['uid', '4000000000'],
            ['gid', '3999999999'],
          ],
        }),
        directory('d', {
          pax: [
            ['uid', '70000'],
            ['gid', '70001'],
          ],
        }),
      ),
    ],
  },
  {
    name: 'the same name twice in a layer',
    podmanRefuses: 'it takes no name twice; other engines let the last one hold, as tar does',
    layers: [
      layer(file('a', 'first'), file('a', 'second', { mode: 0o600 }), directory('d'), directory('d', { mode: 0o700 })),
    ],
  },
  {
    name: 'a whiteout of what no layer has',
    layers: [layer(file('a')), layer(file('.wh.never', ''), directory('d'), file('d/other'))],
  },
  {
    name: 'large noise',
    layers: [layer({ name: 'noise', data: randomBytes(3_000_001), mode: 0o644, mtime: 1_200_000_000 })],
  },
  ...IMPLIED_ZOO,
];
