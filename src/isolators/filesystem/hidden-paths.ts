/**
 * What /proc and /sys tell of the host, or let one do to it, and a container has no use for. The union of the newest
 * lists: Docker 29 (interrupts, powercap, thermal_throttle: side channels, CVE-2020-8694), CRI-O 1.35, and Mesos
 * (key-users). A path that a kernel does not have is passed over.
 *
 * @param cpuCount CPUs that are online; each has counters of its thermal throttling
 */
export function maskedPaths(cpuCount: number): readonly string[] {
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
export const READ_ONLY_PATHS: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];
