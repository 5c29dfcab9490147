const QUICK = [
  'test/kernel/planned-launch.test.ts',
  'test/kernel/cgroup-limits.test.ts',
  'test/kernel/cgroup-felt.test.ts',
  'test/kernel/devices.test.ts',
  'test/kernel/live-changes.test.ts',
  'test/kernel/live-devices.test.ts',
  'test/kernel/live-limits.test.ts',
  'test/kernel/out-of-memory.test.ts',
  'test/kernel/pids-limit.test.ts',
  'test/vm/layer-on-disk.test.ts',
  'test/vm/erofs-loop.test.ts',
  'test/vm/rights.test.ts',
  'test/vm/unified.test.ts',
  'test/vm/nested.test.ts',
];

const FULL = [
  ...QUICK,
  'test/kernel/helper-watch.test.ts',
  'test/kernel/late-limits.test.ts',
  'test/vm/erofs-sealed.test.ts',
  'test/vm/disk-weights.test.ts',
  'test/vm/label.test.ts',
  'test/vm/systemd-service.test.ts',
  'test/vm/service-units.test.ts',
  'test/vm/user-logout.test.ts',
  'test/vm/systemd.test.ts',
  'test/vm/systemd-reload.test.ts',
  'test/vm/systemd-nested.test.ts',
  'test/e2e/rights.test.ts',
  'test/e2e/user-namespace.test.ts',
  'test/e2e/disk-quota.test.ts',
  'test/e2e/net-classes.test.ts',
  'test/e2e/seccomp.test.ts',
];
/** Where v1 is mounted, v2 has no controllers and systemd has the network classes; users, units, system calls and images of layers know of no version. */
const OF_V2_ALONE = [
  'test/vm/erofs-loop.test.ts',
  'test/vm/erofs-sealed.test.ts',
  'test/vm/unified.test.ts',
  'test/vm/service-units.test.ts',
  'test/vm/user-logout.test.ts',
  'test/e2e/net-classes.test.ts',
  'test/e2e/user-namespace.test.ts',
  'test/e2e/seccomp.test.ts',
];

/** Which test files run in which guest, in this order. CONTRIBUTING.md says how a file gets here. */
export const LANES = {
  /** User-Mode Linux, cgroup v2 with cpu, io, memory and pids, no systemd. Part of `npm test`: keep it short. */
  quick: QUICK,
  /** QEMU, systemd, cgroup v2 with all controllers. */
  full: FULL,
  /** The same guest with the v1 hierarchies, as systemd mounts them. */
  'full-v1': FULL.filter((file) => !OF_V2_ALONE.includes(file)),
} as const;

export type LaneName = keyof typeof LANES;
