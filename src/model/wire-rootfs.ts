import { S, type StepSpec, s, u } from './wire-fields.ts';

/** Steps for root file systems that are no overlay of directories; a part of the table in wire.ts. */
export const ROOTFS_STEPS = {
  /**
   * Copies layers, top first, into an empty directory as an overlay of them would show: owners, modes, times, attributes, links and
   * holes are kept, whiteouts take away, and no block or name is shared with a layer. ECANCELED when the caller is gone.
   */
  'copy-layers': { code: 28, where: 'host', fields: [S('lower'), s('path')] },
  /** An erofs image of `tree` in a new file, by mkfs.erofs. ENOEXEC: no mkfs.erofs here. ECANCELED as above. */
  'make-erofs': { code: 29, where: 'host', fields: [s('tree'), s('path'), s('uuid')] },
  /** Seals a file by fs-verity where its file system can, and writes `sha256:…` of it, or else `none`, to a new file `digest`. */
  'enable-verity': { code: 30, where: 'host', fields: [s('path'), s('digest')] },
  /**
   * As create-overlay, the layers being erofs images, top first, each mounted by its file (Linux 6.12) or by a loop device. One with a digest, which is
   * not empty, must be sealed with just that (EBADMSG). ENXIO: it takes a loop device, and there are none. `mapped` 1: as create-mapped-overlay. `onDisk` 1: upper and work are on the disk in slot `disk`, which is emptied.
   */
  'create-erofs-overlay': {
    code: 31,
    where: 'host',
    fields: [
      u('slot'),
      S('images'),
      S('digests'),
      s('upper'),
      s('work'),
      u('disk'),
      u('onDisk'),
      u('attributes'),
      u('mapped'),
    ],
  },
  /**
   * Whether an erofs image shows what `model` does, as compare-trees tells it (ENOMSG). EBADMSG, ENXIO: as create-erofs-overlay. Another errno:
   * the kernel mounts or reads the image no more (EIO where it is sealed and not what it was), or one of the two is not there (ENOENT).
   */
  'compare-erofs': { code: 99, where: 'host', fields: [s('image'), s('digest'), s('model')] },
} as const satisfies Record<string, StepSpec>;
