import { tarArchive } from './tar-writer.ts';
import { type Difference, directory, file, layer, ROOT, symlink, type ZooImage } from './zoo-entries.ts';

const changed = (...paths: readonly string[]): Difference => ({
  paths,
  because: 'a directory has the time of its unpacking there when something comes into it',
});
const alone = (...paths: readonly string[]): Difference => ({
  paths,
  because: 'it knows nothing of the layers below while it unpacks one',
});

/** Images whose layers have something in directories that they do not name, and what hides there. */
export const IMPLIED_ZOO: readonly ZooImage[] = [
  {
    name: 'directories of the layer below, not named by the one above',
    layers: [
      layer(
        directory('a', { mode: 0o1777, uid: 7, gid: 8, pax: [['SCHILY.xattr.user.note', 'kept']] }),
        directory('a/b', { mode: 0o700, uid: 5 }),
        file('a/b/old'),
        file('a/b/gone'),
      ),
      tarArchive([file('a/b/new'), file('a/b/.wh.gone', '')]),
    ],
    podmanDiffers: alone('a', 'a/b'),
  },
  {
    name: 'directories of the lowest of many layers',
    layers: [
      layer(directory('a', { mode: 0o2750, uid: 7, gid: 8 }), directory('a/b', { mode: 0o700 })),
      tarArchive([file('a/one')]),
      tarArchive([]),
      layer(directory('a/b', { mode: 0o711, gid: 9 })),
      tarArchive([file('a/b/two')]),
    ],
    podmanDiffers: alone('a', 'a/b'),
  },
  {
    name: 'a directory that no layer names',
    layers: [layer(directory('a', { mode: 0o711 })), tarArchive([file('a/c/deep')])],
    umociDiffers: changed('a', 'a/c'),
    podmanDiffers: alone('a', 'a/c'),
  },
  {
    name: 'a directory that is named after what is in it',
    layers: [layer(directory('a', { mode: 0o711 })), layer(file('a/new'), directory('a', { mode: 0o700, uid: 3 }))],
  },
  {
    name: 'a directory taken away, with something in it again',
    layers: [
      layer(directory('a', { mode: 0o700, uid: 7 }), file('a/old')),
      tarArchive([file('.wh.a', ''), file('a/new')]),
    ],
    umociDiffers: changed('.', 'a'),
    podmanRefuses: 'it unpacks below the whiteout',
  },
  {
    name: 'an opaque directory that is not named',
    layers: [
      layer(directory('a', { mode: 0o700, uid: 7 }), file('a/old'), directory('a/b', { mode: 0o711 }), file('a/b/x')),
      tarArchive([file('a/.wh..wh..opq', ''), file('a/new'), file('a/b/c')]),
    ],
    umociDiffers: changed('a', 'a/b'),
    podmanDiffers: alone('a', 'a/b'),
  },
  {
    name: 'a directory taken away by the layer between',
    layers: [layer(directory('a', { mode: 0o711, uid: 7 })), layer(file('.wh.a', '')), tarArchive([file('a/new')])],
    umociDiffers: changed('.', 'a'),
    podmanDiffers: alone('a'),
  },
  {
    name: 'a file of the layer below, with something below it',
    layers: [layer(file('a')), tarArchive([file('a/new')])],
    umociRefuses: 'it unpacks below the file',
    podmanDiffers: alone('a'),
  },
  {
    name: 'a symlink of the layer below, written through',
    layers: [layer(directory('real', { mode: 0o700 }), symlink('a', 'real')), tarArchive([file('a/new')])],
    umociDiffers: { paths: ['a', 'a/new', 'real/new'], because: 'it follows links of other layers' },
    podmanDiffers: alone('a'),
  },
  {
    name: 'roots that are not named',
    layers: [tarArchive([{ ...ROOT, mode: 0o700, uid: 3 }]), tarArchive([file('a')]), tarArchive([])],
  },
  {
    name: 'a whiteout in a directory that is not there',
    layers: [layer(file('x')), tarArchive([file('a/b/.wh.x', '')])],
    umociDiffers: { paths: ['a', 'a/b'], because: 'it makes no directories for a whiteout' },
    podmanRefuses: 'it lists the name of the whiteout, and there is nothing',
  },
  {
    name: 'a whiteout in a directory of the same layer',
    layers: [layer(file('x')), layer(directory('a'), file('a/.wh.x', ''))],
    podmanRefuses: 'it lists the name of the whiteout, and there is nothing',
  },
  {
    name: 'an opaque root',
    layers: [
      layer(file('a'), directory('d'), file('d/x'), directory('e'), file('e/y')),
      layer(file('.wh..wh..opq', ''), file('b'), directory('d'), file('e')),
      layer(file('f')),
    ],
    podmanDiffers: { paths: ['a', 'd/x'], because: 'the kernel takes no root for opaque' },
  },
  {
    name: 'an opaque root that is not named',
    layers: [layer(file('a')), layer(file('.wh.a', ''), file('c')), tarArchive([file('.wh..wh..opq', ''), file('b')])],
    podmanDiffers: { paths: ['c'], because: 'the kernel takes no root for opaque' },
  },
];
