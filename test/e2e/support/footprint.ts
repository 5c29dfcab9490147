import { type Dirent, existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { instanceName } from '../../../src/launcher/placement.ts';

/** Everything of one installation that a refused request might leave behind. */
export interface Footprint {
  /** Groups below the instance's own, in every hierarchy. */
  readonly cgroups: readonly string[];
  /** Mounts of the host below the installation's directories. */
  readonly mounts: readonly string[];
  /** Command lines of processes in the instance's groups. */
  readonly processes: readonly string[];
  /** How many of them are the fork server or workers that idle; these come and go. */
  readonly idle: number;
  /** Namespaces of those processes that are not ours. */
  readonly namespaces: readonly string[];
  /** Paths below root and state. */
  readonly files: readonly string[];
}

const CGROUP_ROOT = '/sys/fs/cgroup';
/** Written at any time, whatever is asked, and the journal of requests, which is bounded in itself (docs/adr/0140). */
const COMES_AND_GOES = /^state\/(agent\.(log(\.1)?|stderr)|helper\.log|requests(\/[0-9a-f]{32}\.json)?)$/;

/** Layers that came in part, which the next pull goes on with (docs/images/store.md); what is empty is of no use to it. */
const IN_PART = /^root\/blobs\/ingest\/[0-9a-f]{64}$/;

/** A worker takes a title of its own once it has work. */
const IDLE = /isopod-helper fork-server /;

export function footprint(place: { readonly root: string; readonly state: string }): Footprint {
  const instance = instanceOf(place.root);
  const groups = readdirSync(CGROUP_ROOT)
    .map((hierarchy) => join(CGROUP_ROOT, hierarchy, instance))
    .filter((path) => existsSync(path))
    .flatMap((path) => [path, ...directoriesBelow(path)]);
  const pids = new Set(groups.flatMap(processesOf));
  const commands = [...pids].map(commandOf).filter((line) => line !== '');
  return {
    cgroups: groups.sort(),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(`${place.root}/`) || line.includes(`${place.state}/`)),
    processes: commands.filter((line) => !IDLE.test(line)).sort(),
    idle: commands.filter((line) => IDLE.test(line)).length,
    namespaces: foreignNamespaces(pids),
    files: [...filesBelow(place.root, 'root'), ...filesBelow(place.state, 'state')]
      .filter((path) => !COMES_AND_GOES.test(path) && !isKeptForNextPull(place.root, path))
      .sort(),
  };
}

function isKeptForNextPull(root: string, shown: string): boolean {
  if (!IN_PART.test(shown)) return false;
  const status = statSync(join(root, shown.slice('root/'.length)), { throwIfNoEntry: false });
  return status !== undefined && status.size > 0;
}

/** The name of the groups of a root directory that is there. */
export function instanceOf(root: string): string {
  const { dev, ino } = statSync(root);
  return instanceName({ device: BigInt(dev), inode: BigInt(ino), path: realpathSync(root) });
}

function directoriesBelow(directory: string): readonly string[] {
  return entriesOf(directory).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? [path, ...directoriesBelow(path)] : [];
  });
}

/** Links are named and not followed. */
function filesBelow(directory: string, shown: string): readonly string[] {
  return entriesOf(directory).flatMap((entry) => {
    const name = `${shown}/${entry.name}`;
    return [name, ...(entry.isDirectory() ? filesBelow(join(directory, entry.name), name) : [])];
  });
}

/** What is in a directory, which may go while we look. */
function entriesOf(directory: string): readonly Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}

function processesOf(group: string): readonly number[] {
  try {
    return readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** @returns '' for one that has ended */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

function foreignNamespaces(pids: ReadonlySet<number>): readonly string[] {
  const ours = new Set(namespacesOf('self'));
  return [...new Set([...pids].flatMap((pid) => namespacesOf(String(pid))))].filter((link) => !ours.has(link)).sort();
}

function namespacesOf(pid: string): readonly string[] {
  const directory = `/proc/${pid}/ns`;
  return entriesOf(directory).flatMap(({ name }) => {
    try {
      return [readlinkSync(join(directory, name))];
    } catch {
      return [];
    }
  });
}
