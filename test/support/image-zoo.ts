import { randomBytes } from 'node:crypto';
import { type TarEntry, TYPE, tarArchive } from './tar-writer.ts';

/** An image of the zoo: layers, bottom first, and what other engines make of it that differs from ours. */
export interface ZooImage {
  readonly name: string;
  readonly layers: readonly Buffer[];
  /** Paths that umoci unpacks otherwise, and why that is not ours to follow. */
  readonly umociDiffers?: { readonly paths: readonly string[]; readonly because: string };
  /** Why podman does not take it at all. */
  readonly podmanRefuses?: string;
}

const ROOT: TarEntry = { name: './', type: TYPE.directory, mode: 0o755, mtime: 1_000_000_000 };
const LONG = 'n'.repeat(255);

function directory(name: string, more: Partial<TarEntry> = {}): TarEntry {
  return { name: `${name}/`, type: TYPE.directory, mode: 0o755, mtime: 1_100_000_000, ...more };
}

function file(name: string, data = name, more: Partial<TarEntry> = {}): TarEntry {
  return { name, data, mode: 0o644, mtime: 1_200_000_000, ...more };
}

/** Its mode and owner are to be the target's, as archivers write them: some engines set them anew. */
function link(name: string, target: string, more: Partial<TarEntry> = {}): TarEntry {
  return { name, type: TYPE.hardLink, link: target, mode: 0o644, mtime: 1_200_000_000, ...more };
}

function symlink(name: string, target: string): TarEntry {
  return { name, type: TYPE.symlink, link: target, mode: 0o777, mtime: 1_200_000_000 };
}

function layer(...entries: readonly TarEntry[]): Buffer {
  return tarArchive([ROOT, ...entries]);
}

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
    umociDiffers: {
      paths: ['.'],
      because: 'a layer that does not name its root has one of its own here, with its own time',
    },
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
  {
    name: 'directories of the layer below that the upper one has something in and does not name',
    layers: [
      layer(
        directory('a', { mode: 0o1777, uid: 7, gid: 8, pax: [['SCHILY.xattr.user.note', 'kept']] }),
        directory('a/b', { mode: 0o700, uid: 5 }),
        file('a/b/old'),
        file('a/b/gone'),
      ),
      tarArchive([file('a/b/new'), file('a/b/.wh.gone', '')]),
    ],
  },
  {
    name: 'a directory that no layer names',
    layers: [layer(directory('a', { mode: 0o711 })), tarArchive([file('a/c/deep')])],
  },
  {
    name: 'a directory that is taken away and has something again without being named',
    layers: [
      layer(directory('a', { mode: 0o700, uid: 7 }), file('a/old')),
      tarArchive([file('.wh.a', ''), file('a/new')]),
    ],
  },
  {
    name: 'a directory that is opaque and not named',
    layers: [
      layer(directory('a', { mode: 0o700, uid: 7 }), file('a/old'), directory('a/b', {mode: 0o711}), file('a/b/x')),
      tarArchive([file('a/.wh..wh..opq', ''), file('a/new'), file('a/b/c')]),
    ],
  },
  {
    name: 'a file of the layer below, whose name has entries below it',
    layers: [layer(file('a')), tarArchive([file('a/new')])],
  },
  {
    name: 'a directory taken away by the layer between',
    layers: [layer(directory('a', { mode: 0o711, uid: 7 })), layer(file('.wh.a', '')), tarArchive([file('a/new')])],
  },
  {
    name: 'roots that are not named',
    layers: [tarArchive([{ ...ROOT, mode: 0o700, uid: 3 }]), tarArchive([file('a')]), tarArchive([])],
  },
  {
    name: 'a whiteout in a directory that is not there',
    layers: [layer(file('x')), tarArchive([file('a/b/.wh.x', '')])],
  },
  {
    name: 'a whiteout in a directory of the upper layer',
    layers: [layer(file('x')), layer(directory('a'), file('a/.wh.x', ''))],
  },
  {
    name: 'an opaque root',
    layers: [layer(file('a'), directory('d'), file('d/x')), layer(file('.wh..wh..opq', ''), file('b'), directory('d'))],
  },
  {
    name: 'an opaque root that is not named',
    layers: [layer(file('a')), tarArchive([file('.wh..wh..opq', ''), file('b')]), layer(file('c'))],
  },
];
