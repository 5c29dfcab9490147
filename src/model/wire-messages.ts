import { b, type Field, L, S, s, u } from './wire-fields.ts';

interface MessageSpec {
  readonly code: number;
  readonly fields: readonly Field[];
}

/** Every message with its fields. Codes are for ever: a monitor may be older than the agent that talks to it. */
export const MESSAGES = {
  // ── to a worker that the fork server has forked for this connection; one of these decides what it becomes ──
  /** Become a monitor. Answered by Cloned, Prepared, Started and Exited, or by Failed. */
  launch: {
    code: 1,
    fields: [
      u('kind'),
      u('cloneFlags'),
      s('trackingCgroup'),
      u('trackingLevels'),
      s('stateDirectory'),
      s('socketPath'),
      u('stdio'),
      u('stdinOpen'),
      u('owned'),
      u('rows'),
      u('columns'),
      u('logFormat'),
      s('logDirectory'),
      u('logMaxBytes'),
      u('logMaxFiles'),
      b('controlTicket'),
      b('ownerTicket'),
      u('enterPid'),
      u('enterStartTime'),
      u('enterNamespaces'),
      u('reaper'),
      L('hostSteps'),
      L('childSteps'),
    ],
  },
  /** Run host steps one after the other, stop at the first that fails. Answered by Done or Failed; repeatable. */
  run: { code: 2, fields: [L('hostSteps')] },
  /**
   * Read small files of cgroupfs and procfs, up to `maxBytes` of each. An absolute path names the directory that the relative
   * ones behind it are below, through no symlink. Answered by FileContents; repeatable.
   */
  readFiles: { code: 10, fields: [S('paths'), u('maxBytes')] },
  /** Unpack a tar stream (raw bytes until our half-close) into a directory. Answered by Unpacked or Failed. */
  unpack: { code: 3, fields: [s('directory'), u('whiteouts'), u('maxEntries'), u('maxBytes'), u('maxHeaderBytes')] },
  /** Hold an exclusive lock on a file until the connection ends. Answered by Locked or LockHeld. */
  lock: { code: 4, fields: [s('path')] },
  /** The fork server itself ends once its last monitor has ended and this connection is closed. Answered by Done. */
  retire: { code: 5, fields: [] },
  /** Watch a file or group of cgroups (`kind` is a value of WATCH_KIND), as many as wanted on one connection. Answered by Watching and any number of Noticed, in the end by WatchOver. */
  watch: { code: 8, fields: [u('id'), u('kind'), s('path'), s('trigger')] },
  /** Answered by WatchOver, unless that came already. */
  unwatch: { code: 9, fields: [u('id')] },
  /**
   * What files take on disk: of all that is at and below each path, on the file system of that path, and, with a pid that is not 0, of the
   * overlay that is the root of this process. No link is followed; a file with several names counts at each of them with its part. Answered by Measured or Failed; repeatable. The worker gives way to everybody from then on.
   */
  measure: { code: 11, fields: [S('paths'), u('pid'), u('startTime')] },
  /**
   * The entries of a directory below a directory, `path` empty for this one: through no symlink that leads out. Answered by FileList or
   * Failed (EXDEV: it leads out, ENOTDIR); repeatable.
   */
  listFiles: { code: 12, fields: [s('directory'), s('path')] },
  /** A part of a regular file below a directory, as ListFiles. Answered by FilePart or Failed (EISDIR; EINVAL: a device, a FIFO or the like); repeatable. */
  readFile: { code: 13, fields: [s('directory'), s('path'), u('offset'), u('length')] },
  /**
   * Go into a root, for copies in and out of it; only the four below follow. With a pid that is not 0 the root of this process, with its mounts and users; else a
   * `directory` of the host's; else an overlay of `lower`, as the step create-overlay has it. Answered by Done or Failed (ESRCH: it has ended).
   */
  enterRoot: { code: 14, fields: [u('pid'), u('startTime'), s('directory'), S('lower'), s('upper'), s('work')] },
  /** What a path in that root is; with `follow` 0 a symlink is told as itself. Answered by PathIs or Failed; repeatable. */
  lookAt: { code: 42, fields: [s('path'), u('follow')] },
  /**
   * Pack what a path in that root is, as `name`, or with an empty name what is in this directory; with `attributes` 1 with its extended ones. Answered by any number of
   * TreePart and TreePacked, or Failed (EOPNOTSUPP: a directory that the kernel makes up, or a socket; EFBIG: a file of the kernel that goes on; ESTALE: one became shorter).
   */
  packTree: { code: 15, fields: [s('path'), s('name'), u('follow'), u('attributes')] },
  /**
   * Unpack a tar stream (raw bytes until our half-close) into a directory of that root, beside what is there; `owners` is a value of OWNERS, and `uid` and `gid` count for `given`. Answered by Unpacked or Failed
   * (EISDIR, ENOTDIR: a directory and something else are in each other's place).
   */
  unpackTree: { code: 41, fields: [s('path'), u('owners'), u('maxHeaderBytes'), u('uid'), u('gid')] },
  /**
   * Pack all of that root with all its attributes, as its image and its processes have made it: what is mounted in it is a directory or a file without content.
   * Answered as PackTree.
   */
  packRoot: { code: 36, fields: [] },
  /**
   * See what was written over layers (`lower`, top first): into the upper directory of their overlay, or with `whole` 1 into a copy of all that they show; with a `disk`, a file, `upper` is below the root of the file system in it. Where ids on disk are
   * not those of the container, the maps say which are, as the step shift-tree has them; else both are empty. LookAt, which then looks into the layers alone, and PackChanges
   * follow. Answered by Done or Failed. Since version 4, in place of code 37.
   */
  enterWritten: { code: 49, fields: [u('whole'), s('upper'), S('lower'), s('uidMap'), s('gidMap'), s('disk')] },
  /**
   * What that is, but for these paths (no slash before the first name, none symbolic) and what is below them: as `form`, a value of CHANGES, says. Answered as PackTree; EXDEV: what
   * a directory or a file of it holds is told to be elsewhere (redirect_dir, metacopy), which mounts of ours never do.
   */
  packChanges: { code: 38, fields: [u('form'), S('without')] },
  /** Who is at the other end of a unix socket that is descriptor `descriptor` of the process which made this connection. Answered by PeerIs or Failed; repeatable. */
  peer: { code: 40, fields: [u('descriptor')] },
  /**
   * Tell the service manager something, as sd_notify(3): `state` is its text, `socket` a path, or with @ an abstract name. With `asMaker` 1 in the
   * name of the process which made this connection (EPERM without CAP_SYS_ADMIN). Answered by Done or Failed; repeatable. Since version 2.
   */
  notify: { code: 48, fields: [s('socket'), u('asMaker'), s('state')] },
  /**
   * Connect by TCP to an address (IPv4 or IPv6, numbers) as somebody in the network namespace of a process would, if it has this start time; send `request`, and read
   * until the other side ends, `maxBytes` were read, or `settleMs` have passed since `until` was (empty: never); an empty `request`: the connection is all. As many as wanted on one connection. Answered by PortTried.
   */
  tryPort: {
    code: 43,
    fields: [
      ...[u('id'), u('pid'), u('startTime'), s('address'), u('port'), u('timeoutMs')],
      ...[b('request'), b('until'), u('settleMs'), u('maxBytes')],
    ],
  },
  // ── to a monitor, on the launch connection or on a control attachment ──
  /** Open the start barrier; before Prepared it is remembered. */
  start: { code: 16, fields: [] },
  /** Before Started: kill the child and exit. */
  abort: { code: 17, fields: [] },
  /** Send a signal to init. Answered by Done or Failed (ESRCH once it was reaped). */
  signal: { code: 18, fields: [u('signal')] },
  /** Admit one attachment that presents this ticket. Answered by Done. */
  grant: { code: 19, fields: [b('ticket'), u('role')] },
  /** What the step open-counters counts, now. Answered by Counters, without events where there was no such step. */
  readCounters: { code: 6, fields: [] },
  /** Everything was recorded: end as soon as attached clients are served. */
  release: { code: 20, fields: [] },
  // ── to a monitor, on its own socket ──
  /** First frame of a client. `from` is 0 for live output only, 1 for what an owner has not seen yet. */
  attach: { code: 32, fields: [b('ticket'), u('role'), u('stdin'), u('from')] },
  stdin: { code: 33, fields: [b('data')] },
  stdinEnd: { code: 34, fields: [] },
  resize: { code: 35, fields: [u('rows'), u('columns')] },
  // ── from helper processes ──
  /** For each event three numbers, as read(2) of perf_event_open(2): count, ns enabled, ns running, over all CPUs. */
  counters: { code: 7, fields: [b('values')] },
  /** First frame of every connection, theirs. */
  hello: { code: 64, fields: [u('version'), u('pid'), u('role')] },
  done: { code: 65, fields: [] },
  /** `phase` is a value of FAILURE_PHASE, `step` an index into that phase's list, `detail` names a path or value. */
  failed: { code: 66, fields: [u('phase'), u('step'), u('errno'), s('detail')] },
  /** The child exists; `startTime` is field 22 of its /proc/PID/stat. */
  cloned: { code: 67, fields: [u('pid'), u('startTime')] },
  /** Every step up to the start barrier is done. */
  prepared: { code: 68, fields: [] },
  /** execve has succeeded. */
  started: { code: 69, fields: [u('atMs')] },
  /** Init was reaped; `waitStatus` as wait4(2). `output` is 1 when every byte of output was read. */
  exited: { code: 70, fields: [u('waitStatus'), u('atMs'), u('output')] },
  unpacked: { code: 71, fields: [u('entries'), u('bytes')] },
  locked: { code: 72, fields: [] },
  /** `bytes` and `entries` of the paths; `unread` directories were not let in or were moved away meanwhile; `rootBytes` of the process's root. */
  measured: { code: 84, fields: [u('bytes'), u('entries'), u('unread'), u('rootBytes')] },
  /** Somebody else holds the lock; `holder` is what the holder wrote (its pid), or empty. */
  lockHeld: { code: 73, fields: [s('holder')] },
  /** Answer to an accepted attach. `state` is a value of MONITOR_STATE; the rest as in Cloned, Started and Exited. */
  attached: { code: 74, fields: [u('state'), u('pid'), u('startTime'), u('waitStatus'), u('terminal')] },
  stdout: { code: 75, fields: [b('data')] },
  stderr: { code: 76, fields: [b('data')] },
  /** This observer lagged: so many bytes of this stream (1 stdout, 2 stderr) are left out here. */
  gap: { code: 77, fields: [u('stream'), u('bytes')] },
  /** Attach refused; `reason` is a value of REFUSAL. The connection ends. */
  refused: { code: 78, fields: [u('reason')] },
  /** Where the time of a launch went: name/microsecond pairs since the launch frame arrived, sent before Started. */
  timings: { code: 79, fields: [S('names'), b('microseconds')] },
  watching: { code: 80, fields: [u('id')] },
  noticed: { code: 81, fields: [u('id')] },
  /** There is nothing more to watch, or never was: `errno`, 0 after Unwatch. */
  watchOver: { code: 82, fields: [u('id'), u('errno')] },
  /** For each path in order, directories too, `u32 errno | u32 length | bytes`; what did not fit into the frame is left out at the end. */
  fileContents: { code: 83, fields: [b('contents')] },
  /** For each entry `u32 mode | u32 uid | u32 gid | u32 name length | u64 links | u64 size | u64 mtime in ns | name`; `more` is 1 when not all of them fit. */
  fileList: { code: 85, fields: [u('more'), b('entries')] },
  /** `size` of the whole file; less data than was asked for at its end. */
  filePart: { code: 86, fields: [u('size'), b('data')] },
  treePart: { code: 87, fields: [b('data')] },
  treePacked: { code: 88, fields: [u('entries'), u('bytes')] },
  /** `mtime` in ns, as a two's complement; `link` is the target of a symlink, else empty. */
  pathIs: { code: 89, fields: [u('mode'), u('uid'), u('gid'), u('size'), u('mtime'), s('link')] },
  /** As it was when it connected (SO_PEERCRED, SO_PEERGROUPS); `groups` are further ones, `u32` each. */
  peerIs: { code: 104, fields: [u('pid'), u('uid'), u('gid'), b('groups')] },
  /** 0, or why it was not done: ESRCH the process is gone, ETIMEDOUT, what connect(2) said; `answer` is what was read by then, whatever `errno`. */
  portTried: { code: 105, fields: [u('id'), u('errno'), b('answer')] },
} as const satisfies Record<string, MessageSpec>;

export type MessageName = keyof typeof MESSAGES;

/** Values of single fields, as named numbers. */
/** `tree`: tracked by its monitor, which is the subreaper of all its processes, and by no group. */
export const LAUNCH_KIND = { container: 0, session: 1, tree: 2 } as const;
/** Whether its streams have an owner; `toTheEnd`: one who takes the process along when he leaves. */
export const OWNED = { no: 0, yes: 1, toTheEnd: 2 } as const;
export const STDIO = { pipes: 1, terminal: 2 } as const;
export const LOG_FORMAT = { none: 0, cri: 1, raw: 2 } as const;
export const HELPER_ROLE = { worker: 0, monitor: 1 } as const;
export const ATTACH_ROLE = { control: 0, owner: 1, observer: 2 } as const;
export const MONITOR_STATE = { created: 0, prepared: 1, running: 2, exited: 3 } as const;
export const REFUSAL = { badTicket: 1, ownerTaken: 2, ended: 3, protocol: 4 } as const;
/** `clone`: making the child or entering the target; `exec`: the final execve. */
export const FAILURE_PHASE = { request: 0, clone: 1, host: 2, child: 3, exec: 4, unpack: 5 } as const;
/** `pressure`: a PSI file and its trigger; `events`: a v2 file whose changes the kernel tells (memory.events); `outOfMemory`: a v1 memory group. */
export const WATCH_KIND = { pressure: 1, events: 2, outOfMemory: 3 } as const;
/** Whose what is unpacked becomes: as the archive says, root's of the container, of whoever unpacks, or of who is given; but for the first without setuid and setgid. */
export const OWNERS = { archive: 0, root: 1, caller: 2, given: 3 } as const;
/** An archive with whiteouts, as a layer of an image is; or for each path `A`, `C` or `D`, a blank, the path and a NUL. */
export const CHANGES = { layer: 0, list: 1 } as const;
export const WHITEOUTS = { overlay: 0, none: 1 } as const;
