import type { MountContent, NewMount } from '../../model/launch-plan.ts';

const CHARACTER = 0o020000;

/** Character devices that the OCI runtime spec asks for (config-linux.md, "Default Devices"; Linux devices.txt). */
const NODES = [
  ['null', 1, 3],
  ['zero', 1, 5],
  ['full', 1, 7],
  ['random', 1, 8],
  ['urandom', 1, 9],
  ['tty', 5, 0],
] as const;

const LINKS = [
  ['ptmx', 'pts/ptmx'],
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
  ['core', '/proc/kcore'],
] as const;

/**
 * Directories that something is mounted on. `shm` is of use also when nothing is: then it is a part of /dev, bounded
 * with it. Made here, they cost nothing when they are attached to.
 */
const DIRECTORIES = [
  ['pts', 0o755],
  ['shm', 0o1777],
  ['mqueue', 0o755],
] as const;

const CONTENT: readonly MountContent[] = [
  ...NODES.map(([path, major, minor]) => ({ kind: 'node', path, mode: CHARACTER | 0o666, major, minor }) as const),
  ...LINKS.map(([path, target]) => ({ kind: 'symlink', path, target }) as const),
  ...DIRECTORIES.map(([path, mode]) => ({ kind: 'directory', path, mode }) as const),
];

/** A private /dev. */
export const DEV: NewMount = {
  kind: 'new',
  type: 'tmpfs',
  source: 'tmpfs',
  target: '/dev',
  options: ['mode=755', 'size=64m'],
  attributes: ['nosuid', 'noexec'],
  content: CONTENT,
};

/** A private set of terminals; gid 5 is `tty` in every distribution (devpts documentation, `newinstance`). */
export const DEV_PTS: NewMount = {
  kind: 'new',
  type: 'devpts',
  source: 'devpts',
  target: '/dev/pts',
  options: ['newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  attributes: ['nosuid', 'noexec'],
};
