import { defineErrors } from '../../model/error.ts';
import type { HiddenPathsConfig } from '../../model/hidden-paths-config.ts';

export const hiddenPathsErrors = defineErrors('filesystem/hidden-paths', {
  notHidden: {
    kind: 'invalid-argument',
    message: (d: { path: string; hidden: readonly string[] }) =>
      `${d.path} is to be unmasked, and is neither hidden nor read-only; what is: ${d.hidden.join(', ') || 'nothing'}`,
    remedy: () => 'name one of them, or all below a directory as /proc/*, or ALL',
  },
});

/** Paths of a container that are hidden, and those that are read-only. */
export interface HiddenPaths {
  readonly maskedPaths: readonly string[];
  readonly readOnlyPaths: readonly string[];
}

export const NOTHING_HIDDEN: HiddenPaths = { maskedPaths: [], readOnlyPaths: [] };

/**
 * What /proc and /sys tell of the host, or let one do to it, and a container has no use for. The union of the newest
 * lists: Docker 29 (interrupts, powercap, thermal_throttle: side channels, CVE-2020-8694), CRI-O 1.35, and Mesos
 * (key-users). A path that a kernel does not have is passed over.
 *
 * @param cpuCount CPUs that are online; each has counters of its thermal throttling
 */
function usuallyMasked(cpuCount: number): readonly string[] {
  const throttling = Array.from({ length: cpuCount }, (_, cpu) => `/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`);
  return [
    '/proc/acpi',
    '/proc/asound',
    '/proc/interrupts',
    '/proc/kcore',
    '/proc/key-users',
    '/proc/keys',
    '/proc/latency_stats',
    '/proc/sched_debug',
    '/proc/scsi',
    '/proc/timer_list',
    '/proc/timer_stats',
    '/sys/devices/virtual/powercap',
    '/sys/firmware',
    '/sys/fs/selinux',
    ...throttling,
  ];
}

/** Settings of the host's kernel that /proc shows in every namespace: readable, never writable. */
const READ_ONLY_PATHS: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

export function usuallyHidden(cpuCount: number): HiddenPaths {
  return { maskedPaths: usuallyMasked(cpuCount), readOnlyPaths: READ_ONLY_PATHS };
}

/**
 * What is usually hidden, less and more, as asked.
 *
 * @throws {EngineError} `filesystem/hidden-paths.notHidden` (invalid-argument)
 */
export function hidden(usual: HiddenPaths, { mask = [], unmask = [] }: HiddenPathsConfig = {}): HiddenPaths {
  const shown = unmask === 'all' ? ['/*'] : unmask;
  const all = [...usual.maskedPaths, ...usual.readOnlyPaths];
  const idle = unmask === 'all' ? undefined : shown.find((path) => !all.some((one) => covers(path, one)));
  if (idle !== undefined) throw hiddenPathsErrors.notHidden({ path: idle, hidden: all });
  const kept = (paths: readonly string[]): readonly string[] =>
    paths.filter((path) => !shown.some((one) => covers(one, path)));
  return {
    maskedPaths: [...new Set([...kept(usual.maskedPaths), ...mask])],
    readOnlyPaths: kept(usual.readOnlyPaths),
  };
}

function covers(pattern: string, path: string): boolean {
  return pattern.endsWith('/*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}
