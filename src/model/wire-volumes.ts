import { b, S, type StepSpec, s, u } from './wire-fields.ts';

/** Steps that put volumes into a container; part of the table in wire.ts. */
export const VOLUME_STEPS = {
  /** Gives a directory, and what is made in it from now on, to a project, and bounds that (quotactl_fd(2), Linux 5.14). `limitBytes` 0 lifts the bound and changes no directory; a missing one is fine then. */
  'set-project-quota': { code: 24, where: 'host', fields: [s('path'), u('project'), u('limitBytes')] },
  /** A new file system (ext4) in a new file of this size, by a loop device that goes with its last user: a detached mount in `slot`, with directories `upper` and `work`. ENOEXEC: no mkfs.ext4 here. */
  'create-disk': { code: 25, where: 'host', fields: [u('slot'), s('path'), u('bytes')] },
  /** As create-overlay, with the upper one on the disk in slot `disk`, which is emptied; `mapped` 1: as create-mapped-overlay, the disk too. */
  'create-overlay-on': {
    code: 26,
    where: 'host',
    fields: [u('slot'), S('lower'), u('disk'), u('attributes'), u('mapped')],
  },
  /** Gives a detached tree an id map (mount_setattr(2), MOUNT_ATTR_IDMAP, Linux 5.12). Maps as in /proc/PID/uid_map: what is on disk, what it is seen as, how many. */
  'idmap-mount': { code: 80, where: 'child', fields: [u('slot'), s('uidMap'), s('gidMap')] },
  /** As attach-mount, and: `create` 3 makes what the tree is, a directory or a file; `propagation` 0 private, 1 slave, 2 as the tree is; `fill` 1 copies what is at `target` into an empty tree first, 2 completes such a copy; `keep` 1 leaves the slot filled. Attaches in the present tree where there is no future root. */
  'attach-volume': {
    code: 81,
    where: 'child',
    fields: [u('slot'), s('target'), u('create'), u('noSymlinks'), u('propagation'), u('fill'), u('keep')],
  },
  /** Puts what is at `path` inside a slot's tree into the slot in its place, resolved once inside the tree; `mountPoint` is an empty directory of ours. */
  'narrow-mount': { code: 82, where: 'child', fields: [u('slot'), s('path'), s('mountPoint')] },
  /** Gives all in a slot's tree to the user of the credentials slot, crossing no mount, following no link. */
  'own-mount': { code: 83, where: 'child', fields: [u('slot')] },
  /** A new file below a slot. */
  'write-in': {
    code: 84,
    where: 'child',
    fields: [u('slot'), s('path'), u('mode'), u('uid'), u('gid'), b('content')],
  },
} as const satisfies Record<string, StepSpec>;
