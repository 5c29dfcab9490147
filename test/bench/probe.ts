import { readlinkSync } from 'node:fs';

/** Run as the container's command: tells what confines it, one fact a line. */
export const PROBE_SCRIPT = [
  'for n in mnt pid ipc uts net cgroup; do echo "namespace $n $(readlink /proc/self/ns/$n)"; done',
  'while IFS=: read -r i c p; do echo "cgroup $c $p"; done < /proc/self/cgroup',
  'grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell expands this one
  'while read -r a b c d target options rest; do echo "mount $target ${rest##* - }"; done < /proc/self/mountinfo',
].join('\n');

/** What a probe saw, in terms that can be compared between engines. */
export interface Confinement {
  readonly ownNamespaces: readonly string[];
  readonly capabilities: string;
  readonly bounding: string;
  readonly noNewPrivileges: string;
  readonly seccomp: string;
  readonly mountTargets: readonly string[];
  readonly cgroupPaths: readonly string[];
}

/** @param output lines of {@link PROBE_SCRIPT} */
export function confinementOf(output: string): Confinement {
  const lines = output.split('\n');
  const rest = (prefix: string): string[] =>
    lines.filter((line) => line.startsWith(prefix)).map((line) => line.slice(prefix.length).trim());
  const ownNamespaces = rest('namespace ')
    .map((line) => line.split(' '))
    .filter(([name, link]) => name !== undefined && link !== readlinkSync(`/proc/self/ns/${name}`))
    .map(([name]) => name ?? '');
  return {
    ownNamespaces,
    capabilities: rest('CapEff:')[0] ?? '',
    bounding: rest('CapBnd:')[0] ?? '',
    noNewPrivileges: rest('NoNewPrivs:')[0] ?? '',
    seccomp: rest('Seccomp:')[0] ?? '',
    mountTargets: rest('mount ')
      .map((line) => line.split(' ')[0] ?? '')
      .toSorted(),
    cgroupPaths: rest('cgroup ').toSorted(),
  };
}

/** Names of the facts in which the other does less than ours. */
export function missingIn(other: Confinement, ours: Confinement): readonly string[] {
  const missing: string[] = [];
  for (const kind of ours.ownNamespaces) if (!other.ownNamespaces.includes(kind)) missing.push(`namespace ${kind}`);
  for (const target of ours.mountTargets) if (!other.mountTargets.includes(target)) missing.push(`mount ${target}`);
  for (const field of ['capabilities', 'bounding', 'noNewPrivileges', 'seccomp'] as const) {
    if (other[field] !== ours[field]) missing.push(`${field} ${other[field]} instead of ${ours[field]}`);
  }
  return missing;
}
