import { strict as assert } from 'node:assert';
import { ARCHITECTURES, type Architecture } from '../linux/seccomp/architecture.ts';
import { refusedCall } from '../linux/seccomp/filter.ts';
import type { LaunchPlan } from '../model/launch-plan.ts';

/**
 * When the pid namespace of a container gets to see a session (ADR 0114): never, for none is entered; at once, with rights that
 * a user namespace keeps to itself; once it has no more rights than its container; or at once all the same, because
 * the filter of the container does not let a process that has it fork.
 */
export type Appearance =
  | { readonly kind: 'never' | 'mapped' | 'confined' }
  | { readonly kind: 'unconfined'; readonly refused: { readonly call: string; readonly action: string } };

/** What the helper calls between the filter and exec, where the filter comes before the fork. */
const CALLS_OF_APPEARING = [
  ...['clone', 'sendmsg', 'exit_group'],
  ...['close', 'read', 'setsid', 'ioctl', 'recvmsg', 'execve'],
];
const CLONE_PARENT = 0x8000n;
const SIGCHLD = 17n;
const TIOCSCTTY = 0x540en;
const ARGUMENTS = { clone: [CLONE_PARENT | SIGCHLD], ioctl: [0n, TIOCSCTTY] };

export function sessionAppearance(
  plan: Pick<LaunchPlan, 'tracking' | 'namespaces' | 'joins' | 'userNamespace' | 'seccomp'>,
): Appearance {
  const entered = [...plan.namespaces, ...(plan.joins ?? [])];
  if (plan.tracking.version === 'none' || !entered.some(({ kind }) => kind === 'pid')) return { kind: 'never' };
  if (plan.userNamespace !== undefined) return { kind: 'mapped' };
  if (plan.seccomp === undefined) return { kind: 'confined' };
  const [own] = plan.seccomp.architectures;
  assert(isArchitecture(own), `a filter for ${own}, which none is made for`);
  const refused = refusedCall(plan.seccomp, own, CALLS_OF_APPEARING, ARGUMENTS);
  return refused === undefined ? { kind: 'confined' } : { kind: 'unconfined', refused };
}

function isArchitecture(name: string | undefined): name is Architecture {
  return name !== undefined && Object.hasOwn(ARCHITECTURES, name);
}
