/** One mount of a process, from /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export interface MountEntry {
  readonly id: number;
  readonly parentId: number;
  /** The directory of the file system that is its root. */
  readonly root: string;
  readonly mountPoint: string;
  /** Per-mount options such as `ro` and `nosuid`. */
  readonly options: readonly string[];
  readonly type: string;
  readonly source: string;
  /** Options of the file system itself; for cgroup v1 they name its controllers. */
  readonly superOptions: readonly string[];
  /** Mounts made below it appear at its peers (mount_namespaces(7), SHARED SUBTREES). */
  readonly isShared: boolean;
  /** It receives what its master's peers get. */
  readonly isSlave: boolean;
}

/** The mount that an absolute, resolved path is on: of those at the longest mount point, the one on top. */
export function mountOf(mounts: readonly MountEntry[], path: string): MountEntry | undefined {
  const holds = ({ mountPoint }: MountEntry): boolean =>
    path === mountPoint || path.startsWith(mountPoint.endsWith('/') ? mountPoint : `${mountPoint}/`);
  let found: MountEntry | undefined;
  for (const mount of mounts) {
    if (holds(mount) && mount.mountPoint.length >= (found?.mountPoint.length ?? 0)) found = mount;
  }
  return found;
}

/** Parses mountinfo in order; a line that has not the documented form is left out, as later kernels may add kinds. */
export function parseMountInfo(text: string): readonly MountEntry[] {
  return text.split('\n').flatMap((line) => parseLine(line) ?? []);
}

/**
 * `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`; between the options and the dash
 * stand any number of optional fields.
 */
function parseLine(line: string): MountEntry | undefined {
  const fields = line.split(' ');
  const dash = fields.indexOf('-', 6);
  const [id, parentId, , root, mountPoint, options] = fields;
  const [type, source, superOptions] = fields.slice(dash + 1);
  if (dash === -1 || root === undefined || mountPoint === undefined || options === undefined) return undefined;
  if (type === undefined || source === undefined) return undefined;
  return {
    id: Number(id),
    parentId: Number(parentId),
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    options: options.split(','),
    type,
    source: unescapeOctal(source),
    isShared: fields.slice(6, dash).some((field) => field.startsWith('shared:')),
    isSlave: fields.slice(6, dash).some((field) => field.startsWith('master:')),
    superOptions: (superOptions ?? '').split(',').filter((option) => option !== ''),
  };
}

/** The kernel writes space, tab, newline and backslash as `\040` and so on (fs/proc_namespace.c, mangle). */
export function unescapeOctal(text: string): string {
  return text.replace(/\\([0-3][0-7]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
