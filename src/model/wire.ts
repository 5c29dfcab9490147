import { b, type Field, S, type StepSpec, s, u } from './wire-fields.ts';
import type { MESSAGES, MessageName } from './wire-messages.ts';
import { NAMESPACE_STEPS } from './wire-namespaces.ts';
import { ROOTFS_STEPS } from './wire-rootfs.ts';
import { VOLUME_STEPS } from './wire-volumes.ts';

export type { ValueKind } from './wire-fields.ts';
export * from './wire-messages.ts';

/**
 * The language between the agent, the fork server and the monitors. These files are its single source: tools/gen-wire.ts
 * turns them into native/gen/wire.h, and docs/protocol.md explains it.
 *
 * A frame is `u32 payload bytes | u8 type | 3 zero bytes | payload`, little-endian. Values in payloads, in order of
 * their signature:
 *   u  u64
 *   s  u32 byte count, the bytes, one NUL that is not counted (no NUL inside)
 *   b  u32 byte count, the bytes
 *   S  u32 string count, then each as `s`
 *   L  u32 step count, then each step as `u16 opcode | u16 zero | u32 body bytes | body`
 */
export const PROTOCOL_VERSION = 4;
/** The oldest monitors that an agent of this version asks for everything; all others, newer ones too, for what every version knows. */
export const OLDEST_MONITOR_VERSION = 1;

/** Largest payload of any frame; a plan that does not fit is refused by the encoder. */
export const MAX_PAYLOAD_BYTES = 1 << 20;
/** Largest payload of a stream frame (stdin, stdout, stderr). */
export const MAX_STREAM_BYTES = 1 << 16;
/** Most bytes of one kernel file that `readFiles` gives. */
export const MAX_READ_BYTES = 1 << 16;
/** Of one part of a file that is read for who looks at it. */
export const MAX_FILE_PART_BYTES = 1 << 19;
/** Slots of a launch for file descriptors that one step makes and a later one uses. */
export const FD_SLOTS = 128;

/**
 * Every step that the helper knows. A step does one thing, returns a negative errno, and decides nothing.
 *
 * Host steps run in the host's namespaces: in a monitor, beside its child until `await-host`, or in a worker (`run`).
 * Child steps run in the new process, in order. A slot that a host step fills reaches the child at `await-host`.
 * Steps `before` stand first among a launch's host steps and run in the monitor before its child exists.
 */
export const STEPS = {
  // ── host ──
  /** mkdir(2); with `existingOk` 1 an existing directory is left as it is. */
  'make-directory': { code: 1, where: 'host', fields: [s('path'), u('mode'), u('existingOk')] },
  /** mkdir(2) of one cgroup; an existing one is fine. */
  'make-cgroup': { code: 2, where: 'host', fields: [s('path')] },
  /** One write(2) to an existing file (O_WRONLY|O_NOFOLLOW): a knob of a cgroup. */
  'write-kernel-file': { code: 3, where: 'host', fields: [s('path'), s('value')] },
  /** A new file with this content, replaced if there. */
  'write-file': { code: 4, where: 'host', fields: [s('path'), u('mode'), b('content')] },
  /** A detached overlay mount in `slot`: layers top first (at most 500); `upper` and `work` empty for a read-only one, which may have a single layer. */
  'create-overlay': { code: 5, where: 'host', fields: [u('slot'), S('lower'), s('upper'), s('work'), u('attributes')] },
  /** A detached copy of the mount tree at a host path. `expect`: 0 anything but a symlink at the end, 1 directory, 2 follow a symlink at the end. */
  'clone-tree': { code: 6, where: 'both', fields: [u('slot'), s('path'), u('recursive'), u('expect')] },
  /** SIGKILL to all in a group until it is empty: cgroup.kill (v2), else freeze-kill-thaw (v1); waits up to `deadlineMs`. A missing group is fine. */
  'kill-cgroup': { code: 7, where: 'host', fields: [s('path'), u('version'), u('deadlineMs')] },
  /** rmdir(2) of a group and of the groups below it, tried again on EBUSY up to `deadlineMs`. A missing one is fine. */
  'remove-cgroup': { code: 8, where: 'host', fields: [s('path'), u('deadlineMs')] },
  /** Removes `directory`/`name` and all below it, by file descriptor, crossing no mount, following no link. A missing one is fine. */
  'remove-tree': { code: 9, where: 'host', fields: [s('directory'), s('name')] },
  /**
   * Whether `tree` is as `model`: names, kinds, modes, owners, times of what is no directory, attributes, contents; ENOENT: one of them is
   * not there. ENOMSG: it is not; the detail is what (`missing`, `added`, `mode`, `owner`, `names`, `size`, `time`, `target`, `device`, `content`,
   * `attributes`), a space and where. Follows nothing and crosses no mount.
   */
  'compare-trees': { code: 118, where: 'host', fields: [s('tree'), s('model')] },
  /**
   * Gives what the archive of a layer does not name what the layers below, top first (at most 255), show at its place: owner, mode, times and
   * attributes of directories, and the root; takes away whiteouts that hide nothing, and hides all below an opaque root by name. Only what `unpack`
   * has noted in the tree is done, and the notes go. ECANCELED when the caller is gone.
   */
  'settle-layer': { code: 120, where: 'host', fields: [s('tree'), S('lower')] },
  /** syncfs(2) of the file system that holds the path. */
  'sync-filesystem': { code: 10, where: 'host', fields: [s('path')] },
  /** Tells the file system to lay what directories are made in this one far apart (FS_TOPDIR_FL). EOPNOTSUPP or ENOTTY where it knows no such thing. */
  'spread-directories': { code: 119, where: 'host', fields: [s('path')] },
  /** Signals a process if its start time matches; ESRCH otherwise. */
  'signal-process': { code: 11, where: 'host', fields: [u('pid'), u('startTime'), u('signal')] },
  /** Counters of a group and all below it, for `readCounters`; each event is two 64-bit numbers, type and config of perf_event_open(2). Once in a monitor. */
  'open-counters': { code: 12, where: 'host', fields: [s('path'), b('events')] },
  /** Stops all processes of a group and below it, or lets them go on: cgroup.freeze (v2), freezer.state (v1). Returns once the kernel says so; a freeze that is not done after `deadlineMs` is taken back, ETIMEDOUT. */
  'freeze-cgroup': { code: 14, where: 'host', fields: [s('path'), u('version'), u('frozen'), u('deadlineMs')] },
  /**
   * A signal to every process of a group and below it, also to those that fork meanwhile: with `freeze` 1 all stand still until each has got it, for
   * at most `deadlineMs`; what cannot stand still gets it all the same. ENOENT for a missing group.
   */
  'signal-cgroup': {
    code: 13,
    where: 'host',
    fields: [s('path'), u('version'), u('signal'), u('freeze'), u('deadlineMs')],
  },
  /** Brings every process of `tracking` and below it into the v1 group `to`, round after round until one finds nobody outside; ETIMEDOUT after `deadlineMs`, with some of them moved. */
  'move-processes': { code: 27, where: 'host', fields: [s('tracking'), s('to'), u('deadlineMs')] },
  ...NAMESPACE_STEPS,
  ...ROOTFS_STEPS,
  /** Loads a BPF program (8 bytes an instruction, linux/device-program.ts) and attaches it to a v2 group as its one of ours for devices, in the place of an earlier one at once. It goes with the group. */
  'set-device-program': { code: 17, where: 'host', fields: [s('path'), b('program')] },
  /** write(2) of each line to one existing file, in order: a list of devices. */
  'write-kernel-lines': { code: 18, where: 'host', fields: [s('path'), S('lines')] },
  /**
   * A device node below the /dev of a process that runs, if it has this start time (ESRCH otherwise); missing directories are made. `mode` holds the type.
   * The same node that is there already gets mode and owner, EEXIST for anything else; EXDEV where something is mounted on the way, ENODEV without a tmpfs at /dev.
   */
  'place-node': {
    code: 126,
    where: 'host',
    fields: [u('pid'), u('startTime'), s('path'), u('mode'), u('major'), u('minor'), u('uid'), u('gid')],
  },
  /** Takes such a node away. One that is missing is fine, and so is something else in its place, which stays. */
  'take-node': {
    code: 127,
    where: 'host',
    fields: [u('pid'), u('startTime'), s('path'), u('mode'), u('major'), u('minor')],
  },
  /** The child gets its slots, and the rest of the host steps waits until it is at `await-hooks`, for which it waits in turn: both or neither. What the child fails of meanwhile is told as its own. */
  'await-mounts': { code: 15, where: 'host', fields: [] },
  // ── child ──
  /** The isolate barrier: waits for the host steps and receives their slots. */
  'await-host': { code: 32, where: 'child', fields: [] },
  /** Writes `0` to `tasks` (v1) or `cgroup.procs` (v2) of a group. */
  'join-cgroup': { code: 33, where: 'child', fields: [s('path'), u('version')] },
  /** All is mounted: lets the host steps after `await-mounts` go on, and waits for them. */
  'await-hooks': { code: 57, where: 'child', fields: [] },
  unshare: { code: 34, where: 'child', fields: [u('flags')] },
  /** mount(2) with these propagation flags on `/`. */
  'set-propagation': { code: 35, where: 'child', fields: [u('flags')] },
  /** A detached new file system in `slot`. `options` are `key=value` or flags, `attributes` MOUNT_ATTR_*. */
  'create-mount': {
    code: 36,
    where: 'both',
    fields: [u('slot'), s('type'), s('source'), S('options'), u('attributes')],
  },
  /** mknodat(2) below a slot; mode holds the type; the mode is set whatever the umask. */
  'make-node': { code: 37, where: 'both', fields: [u('slot'), s('path'), u('mode'), u('major'), u('minor')] },
  'make-symlink': { code: 38, where: 'both', fields: [u('slot'), s('path'), s('target')] },
  /** mkdirat(2) below a slot, not below the rootfs. */
  'make-directory-in': { code: 39, where: 'both', fields: [u('slot'), s('path'), u('mode')] },
  /** Attaches the tree in `slot` as the future root; `mountPoint` is an empty directory of ours. */
  'attach-root': { code: 40, where: 'child', fields: [u('slot'), s('mountPoint')] },
  /** Attaches the tree in `slot` at `target`, resolved once inside the future root (RESOLVE_IN_ROOT). `create`: 0 must exist, 1 make missing directories, 2 make missing directories and a file. `noSymlinks` 1 refuses any symlink on the way (ELOOP). An attached tree is private: nothing propagates out of a copy of a shared mount. */
  'attach-mount': { code: 41, where: 'child', fields: [u('slot'), s('target'), u('create'), u('noSymlinks')] },
  /** Hides a path: an empty read-only tmpfs over a directory, the container's own /dev/null over a file. A missing path is fine. */
  'mask-path': { code: 42, where: 'child', fields: [s('path')] },
  /** Makes a path read-only, recursively below it. A missing path is fine. */
  'read-only-path': { code: 43, where: 'child', fields: [s('path')] },
  /** Sets MOUNT_ATTR_* on a slot's tree before it is attached. */
  'set-mount-attributes': { code: 44, where: 'both', fields: [u('slot'), u('attributes'), u('recursive')] },
  /** pivot_root into the future root and detach the old one. */
  'pivot-root': { code: 45, where: 'child', fields: [] },
  /** Makes `/` itself read-only (not the mounts below it). */
  'read-only-root': { code: 46, where: 'child', fields: [] },
  'loopback-up': { code: 47, where: 'child', fields: [] },
  'set-hostname': { code: 48, where: 'child', fields: [s('name')] },
  /** Looks `user` and `group` up in the container's /etc/passwd and /etc/group (by descriptor, bounded). Either may be a number. An empty user is uid 0; an empty group is the user's own and brings its supplementary groups. Fills the credentials slot: uid, gid, supplementary groups (the primary one first), home. ENOENT names the missing one; ERANGE an id above 4294967294. */
  'resolve-user': { code: 49, where: 'child', fields: [s('user'), s('group')] },
  /** chdir(2); with `create` 1 missing directories are made first and belong to the user of the credentials slot. Magic links of /proc are refused (ELOOP). */
  'set-workdir': { code: 50, where: 'child', fields: [s('path'), u('create')] },
  /** Bounding set first, then setgroups, setresgid, setresuid from the credentials slot, then the other four sets. Masks are bit sets of capability numbers. */
  'apply-credentials': {
    code: 51,
    where: 'child',
    fields: [u('bounding'), u('effective'), u('permitted'), u('inheritable'), u('ambient')],
  },
  'no-new-privileges': { code: 52, where: 'child', fields: [] },
  'set-umask': { code: 53, where: 'child', fields: [u('umask')] },
  /** The start barrier: tells the monitor that all is prepared and waits for Start. */
  'await-start': { code: 54, where: 'child', fields: [] },
  /** execve(2) after a search of PATH in `environment`; HOME comes from the credentials slot when it is missing. EACCES and EISDIR mean not executable, ENOENT not found. */
  exec: { code: 55, where: 'child', fields: [S('arguments'), S('environment')] },
  /** Attaches the tree in `slot` at a path of the present mount namespace (no rootfs), which must exist. */
  'attach-at': { code: 56, where: 'child', fields: [u('slot'), s('target')] },
  /** fchownat(2) of a node or link below a slot; nothing is followed. */
  'own-node': { code: 60, where: 'both', fields: [u('slot'), s('path'), u('uid'), u('gid')] },
  // ── what a process is to the kernel's schedulers and accountants ──
  /** setrlimit(2); the greatest u64 is no limit. A refusal names the hard limit in force. */
  'set-rlimit': { code: 71, where: 'child', fields: [u('resource'), u('soft'), u('hard')] },
  /** Writes the child's oom_score_adj; in the child, its own. */
  'set-oom-score': { code: 72, where: 'both', fields: [s('value')] },
  'set-personality': { code: 73, where: 'child', fields: [u('persona')] },
  /** sched_setattr(2), by the monitor on its child; `nice` in two's complement. */
  'set-scheduler': {
    code: 74,
    where: 'both',
    fields: [u('policy'), u('flags'), u('nice'), u('priority'), u('runtimeNs'), u('deadlineNs'), u('periodNs')],
  },
  /** ioprio_set(2): class and level as it packs them. */
  'set-io-priority': { code: 75, where: 'child', fields: [u('value')] },
  /** set_mempolicy(2); `nodes` is a bit set, lowest byte first. */
  'set-memory-policy': { code: 76, where: 'child', fields: [u('mode'), b('nodes')] },
  /** Writes a kernel parameter of the process's own namespaces; `path` is below /proc/sys of a procfs of our own. */
  'write-sysctl': { code: 77, where: 'child', fields: [s('path'), s('value')] },
  /** A Landlock ruleset in `slot`. The tables hold a u64 for each version of the interface, the first for version 1; a newer kernel gets the last. EOPNOTSUPP below `leastVersion`. */
  'landlock-create': {
    code: 78,
    where: 'child',
    fields: [u('slot'), u('leastVersion'), b('pathAccess'), b('portAccess'), b('scopes')],
  },
  /** Allows access at and below a path of the container, which must exist; tables as in landlock-create, for a directory and for anything else. */
  'landlock-path': {
    code: 79,
    where: 'child',
    fields: [u('slot'), s('path'), b('directoryAccess'), b('fileAccess')],
  },
  'landlock-port': { code: 96, where: 'child', fields: [u('slot'), u('port'), u('access')] },
  /** Puts the ruleset in force and closes it. */
  'landlock-restrict': { code: 97, where: 'child', fields: [u('slot')] },
  /** The label that exec gives the process: written to /proc/self/attr/`attribute` of a procfs of our own. */
  'set-exec-label': { code: 98, where: 'child', fields: [s('attribute'), s('label')] },
  /** seccomp(2), SECCOMP_SET_MODE_FILTER: `program` is an array of struct sock_filter. Needs no_new_privs or CAP_SYS_ADMIN; every later step passes through it. */
  'seccomp-filter': { code: 69, where: 'child', fields: [b('program'), u('flags')] },
  ...VOLUME_STEPS,
  /**
   * Runs a program with exactly these arguments and this environment, in a group of its own, at `/`. On its input is `before`, the pid of the
   * launched process as the host knows it (in a child, as `note-host-pid` found it) and `after`; without `after` only `before`. At `timeoutMs` it is killed with its group, ETIMEDOUT; so it is when the agent is gone,
   * ECANCELED. Any end but exit code 0 is ECANCELED. The detail is `name`, what became of it and its last words. Output of host steps goes to the helper's log, too.
   */
  'run-program': {
    code: 122,
    where: 'both',
    fields: [s('name'), s('path'), S('arguments'), S('environment'), b('before'), b('after'), u('timeoutMs')],
  },
  /** Before pivot-root, where /proc is the host's: what pid this process has there. */
  'note-host-pid': { code: 125, where: 'child', fields: [] },
} as const satisfies Record<string, StepSpec>;

export type StepName = keyof typeof STEPS;

type ValueOf<Kind> = Kind extends 'u'
  ? number | bigint
  : Kind extends 's'
    ? string
    : Kind extends 'b'
      ? Uint8Array
      : Kind extends 'S'
        ? readonly string[]
        : Kind extends 'L'
          ? readonly Step[]
          : never;

type ValuesOf<Fields extends readonly Field[]> = {
  readonly [F in Fields[number] as F['name']]: ValueOf<F['kind']>;
};

/** One step with its values; `by` names the isolator that wants it, for errors. It is not encoded. */
export interface Step {
  readonly op: StepName;
  readonly by: string;
  readonly values: Readonly<Record<string, number | bigint | string | Uint8Array | readonly string[]>>;
}

export type StepValues<Op extends StepName> = ValuesOf<(typeof STEPS)[Op]['fields']>;
export type MessageValues<Name extends MessageName> = ValuesOf<(typeof MESSAGES)[Name]['fields']>;

/** A step whose values are checked against the table by the compiler. */
export function step<Op extends StepName>(by: string, op: Op, values: StepValues<Op>): Step {
  return { op, by, values: values as Step['values'] };
}
