/** Which test files run in which guest, in this order. CONTRIBUTING.md says how a file gets here. */
export const LANES = {
  /** User-Mode Linux, cgroup v2 with cpu, io, memory and pids, no systemd. Part of `npm test`: keep it short. */
  quick: [
    'test/kernel/planned-launch.test.ts',
    'test/kernel/cgroup-limits.test.ts',
    'test/kernel/cgroup-felt.test.ts',
    'test/kernel/devices.test.ts',
    'test/kernel/live-changes.test.ts',
    'test/kernel/out-of-memory.test.ts',
    'test/vm/rights.test.ts',
    'test/vm/unified.test.ts',
    'test/vm/nested.test.ts',
  ],
} as const;

export type LaneName = keyof typeof LANES;
