import type { NamespaceKind } from '../model/launch-plan.ts';

/** CLONE_NEW* bits (linux/sched.h); the same numbers serve clone3(2), unshare(2) and setns(2). */
const FLAGS: Readonly<Record<NamespaceKind, number>> = {
  mount: 0x0002_0000,
  time: 0x80,
  cgroup: 0x0200_0000,
  uts: 0x0400_0000,
  ipc: 0x0800_0000,
  user: 0x1000_0000,
  pid: 0x2000_0000,
  net: 0x4000_0000,
};

/** The CLONE_NEW* bits of these kinds, or'ed. */
export function namespaceFlags(kinds: readonly NamespaceKind[]): number {
  return kinds.reduce((flags, kind) => flags | FLAGS[kind], 0);
}
