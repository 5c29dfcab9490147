import { S, type StepSpec, s, u } from './wire-fields.ts';

/** Steps for user namespaces, time namespaces and those of other containers; a part of the table in wire.ts. */
export const NAMESPACE_STEPS = {
  // ── host, for a user namespace ──
  /**
   * Writes /proc/PID/uid_map and gid_map of the child, lines of `inside outside count`, and keeps its user namespace for
   * the steps below. In a worker's `run` a user namespace of no process takes its place.
   */
  'write-id-maps': { code: 21, where: 'host', fields: [s('uidMap'), s('gidMap')] },
  /** What later host steps make belongs to these ids of the host (setfsuid(2)); no right is lost. Ends with the host steps. */
  'set-file-owner': { code: 22, where: 'host', fields: [u('uid'), u('gid')] },
  /**
   * As create-overlay, its layers and directories seen through the user namespace's maps: on disk the owners are the
   * container's own ids. EINVAL or EOPNOTSUPP where the file system or the kernel cannot.
   */
  'create-mapped-overlay': {
    code: 23,
    where: 'host',
    fields: [u('slot'), S('lower'), s('upper'), s('work'), u('attributes')],
  },
  /** Makes the detached tree in `slot` private and shows its owners through the user namespace's maps (MOUNT_ATTR_IDMAP). */
  'map-tree': { code: 62, where: 'host', fields: [u('slot'), s('path')] },
  /** The pipes of a launch belong to these ids of the host from now on. */
  'own-streams': { code: 63, where: 'host', fields: [u('uid'), u('gid')] },
  /** chown(2) of all in the tree in `slot`, each id as the maps have it; an id that is not in them stays. */
  'shift-tree': { code: 64, where: 'host', fields: [u('slot'), s('uidMap'), s('gidMap')] },
  // ── before the child is made ──
  /**
   * Enters namespaces of the process `pid`, if it has this start time (ESRCH otherwise), for the child's sake: they are
   * left again once there is a child. A new pid namespace of the child lies in the one entered. With a user namespace,
   * which only the child enters, its maps are those that the steps above use.
   */
  'enter-namespaces': { code: 65, where: 'before', fields: [u('pid'), u('startTime'), u('flags')] },
  /** A time namespace for the child; offsets are nanoseconds, two's complement. */
  'make-time-namespace': { code: 66, where: 'before', fields: [u('monotonicNs'), u('boottimeNs')] },
  /** A detached copy of the tmpfs at `path` in the mount namespace of a process, resolved in its root without links. ENODEV when it is none. */
  'clone-tree-of': { code: 67, where: 'host', fields: [u('slot'), u('pid'), u('startTime'), s('path')] },
  // ── child ──
  /** Becomes uid and gid 0 of the user namespace, without supplementary groups, with a keyring of its own. */
  'become-root': { code: 68, where: 'child', fields: [] },
} as const satisfies Record<string, StepSpec>;
