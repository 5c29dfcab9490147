import { readFileSync, readlinkSync } from 'node:fs';
import { CAPABILITY_NAMES } from '../../src/linux/capabilities.ts';
import { type MountEntry, parseMountInfo } from '../../src/linux/mountinfo.ts';

/** As /proc/PID/ns spells them (namespaces(7)). */
export const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts'] as const;
export type NamespaceName = (typeof NAMESPACES)[number];

/** What the host's /proc says of one process. */
export interface ProcessView {
  /** `kind:[inode]` by kind. */
  readonly namespaces: Readonly<Record<NamespaceName, string>>;
  /** Path of its group by the hierarchy's controllers; `v2` for the unified one. */
  readonly groups: ReadonlyMap<string, string>;
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly bounding: readonly string[];
  readonly noNewPrivileges: boolean;
  readonly mounts: readonly MountEntry[];
}

/** Looks at a process from outside. @throws ENOENT or ESRCH when there is none */
export function viewProcess(pid: number | 'self'): ProcessView {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const namespaces = NAMESPACES.map((kind) => [kind, readlinkSync(`/proc/${pid}/ns/${kind}`)] as const);
  return {
    namespaces: Object.fromEntries(namespaces) as Record<NamespaceName, string>,
    groups: groupsOf(pid),
    effective: capabilities(field(status, 'CapEff')),
    permitted: capabilities(field(status, 'CapPrm')),
    bounding: capabilities(field(status, 'CapBnd')),
    noNewPrivileges: field(status, 'NoNewPrivs') === '1',
    mounts: parseMountInfo(readFileSync(`/proc/${pid}/mountinfo`, 'utf8')),
  };
}

/** `N:controllers:path` lines, `0::path` for v2 (cgroups(7)). */
export function groupsOf(pid: number | 'self'): ReadonlyMap<string, string> {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n');
  return new Map(
    lines.map((line) => {
      const [, controllers = '', ...path] = line.split(':');
      return [controllers === '' ? 'v2' : controllers, path.join(':')];
    }),
  );
}

/** Which namespaces of a process are not those of another. */
export function ownNamespaces(process: ProcessView, host: ProcessView): readonly NamespaceName[] {
  return NAMESPACES.filter((kind) => process.namespaces[kind] !== host.namespaces[kind]);
}

function field(status: string, name: string): string {
  const value = new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1];
  if (value === undefined) throw new Error(`/proc/PID/status has no ${name}`);
  return value;
}

function capabilities(mask: string): readonly string[] {
  const bits = BigInt(`0x${mask}`);
  return CAPABILITY_NAMES.filter((_name, number) => (bits >> BigInt(number)) & 1n);
}
