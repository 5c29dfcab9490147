import type { MountAttribute } from '../model/launch-plan.ts';

/** MOUNT_ATTR_* bits (linux/mount.h). `relatime` is the kernel's default and has no bit. */
const BITS: Readonly<Record<MountAttribute, number>> = {
  ro: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  relatime: 0x0,
  noatime: 0x10,
};

/** The MOUNT_ATTR_* bits of these attributes, as mount_setattr(2) and fsmount(2) take them. */
export function mountAttributeBits(attributes: readonly MountAttribute[]): number {
  return attributes.reduce((bits, attribute) => bits | BITS[attribute], 0);
}

/** mount(2) flags that cut every mount of a tree off from its peers. */
export const PRIVATE_RECURSIVE = 0x4000 | 0x4_0000;
