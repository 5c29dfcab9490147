import { type Dirent, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { CgroupHierarchy } from '../../src/linux/cgroup-hierarchy.ts';

/** So often a walk is begun again, where files come and go. */
const MAX_WALKS = 20;

/** A process in one of the groups of an instance. */
export interface InstanceProcess {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** What one instance has on the host. */
export interface InstanceSnapshot {
  readonly processes: readonly string[];
  /** Relative to the mount points of the hierarchies, all of them. */
  readonly groups: readonly string[];
  readonly mounts: readonly string[];
  /** Below the root and state directories, kinds and paths. */
  readonly files: readonly string[];
}

/** An instance as the host sees it: nothing here asks the engine. */
export class InstanceView {
  readonly instance: string;
  readonly hierarchies: readonly CgroupHierarchy[];
  readonly #directory: string;

  constructor(options: {
    readonly instance: string;
    readonly hierarchies: readonly CgroupHierarchy[];
    /** Holds the root and the state directory. */
    readonly directory: string;
  }) {
    this.instance = options.instance;
    this.hierarchies = options.hierarchies;
    this.#directory = options.directory;
  }

  /** Every process in any group of the instance, in any hierarchy. */
  processes(): readonly InstanceProcess[] {
    const pids = new Set(this.#groupPaths().flatMap(pidsOf));
    return [...pids].flatMap((pid) => describeProcess(pid) ?? []);
  }

  /** The processes of one container, wherever it is tracked. */
  processesOf(uid: string): readonly number[] {
    const groups = this.#groupPaths().filter((path) => path.includes(`/containers/${uid}`));
    return [...new Set(groups.flatMap(pidsOf))];
  }

  /** The monitor of a container or session; `undefined` when there is none. */
  monitorOf(id: string): number | undefined {
    return this.processes().find(({ command }) => command === `isopod-helper monitor ${id}`)?.pid;
  }

  /** Groups of the instance, each as `hierarchy path`. */
  groups(): readonly string[] {
    return this.#groupPaths();
  }

  snapshot(): InstanceSnapshot {
    return {
      processes: this.processes().map(({ pid, command }) => `${pid} ${command}`),
      groups: this.groups(),
      mounts: readFileSync('/proc/self/mountinfo', 'utf8')
        .split('\n')
        .filter((line) => line.includes(this.#directory)),
      files: filesBelow(this.#directory),
    };
  }

  #groupPaths(): readonly string[] {
    return this.hierarchies.flatMap(({ mountPoint }) => directoriesFrom(join(mountPoint, this.instance)));
  }
}

/** The process that holds a record lock on a file (proc_locks(5)); `undefined` when nobody does. */
export function recordLockHolder(path: string): number | undefined {
  if (!existsSync(path)) return undefined;
  const { ino } = statSync(path);
  for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
    const match = /^\d+: POSIX\s+ADVISORY\s+WRITE\s+(\d+) \S+:(\d+) /.exec(line);
    if (match !== null && Number(match[2]) === ino) return Number(match[1]);
  }
  return undefined;
}

/** Whether this process is there and no zombie. */
export function isAlive(pid: number): boolean {
  const { state } = statOf(pid) ?? {};
  return state !== undefined && state !== 'Z' && state !== 'X';
}

function describeProcess(pid: number): InstanceProcess | undefined {
  const stat = statOf(pid);
  if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return undefined;
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean).join(' ');
    return { pid, parent: stat.parent, command };
  } catch {
    return undefined; // it has just ended
  }
}

function statOf(pid: number): { readonly state: string; readonly parent: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state = '', parent = ''] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

function pidsOf(group: string): readonly number[] {
  try {
    return readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return []; // removed meanwhile
  }
}

function directoriesFrom(directory: string): readonly string[] {
  try {
    const inner = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [directory, ...inner.flatMap(({ name }) => directoriesFrom(join(directory, name)))];
  } catch {
    return [];
  }
}

/** What is there at one moment: a walk in which a directory went is begun again. */
function filesBelow(directory: string): readonly string[] {
  return entriesBelow(directory, MAX_WALKS)
    .map((entry) => `${entry.isDirectory() ? 'd' : entry.isSocket() ? 's' : 'f'} ${join(entry.parentPath, entry.name)}`)
    .sort();
}

function entriesBelow(directory: string, walksLeft: number): readonly Dirent[] {
  try {
    return readdirSync(directory, { recursive: true, withFileTypes: true });
  } catch (error) {
    const hasGone = error instanceof Error && 'code' in error && error.code === 'ENOENT' && existsSync(directory);
    if (!hasGone || walksLeft <= 1) throw error;
    return entriesBelow(directory, walksLeft - 1);
  }
}
