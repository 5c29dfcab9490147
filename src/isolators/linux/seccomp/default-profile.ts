import { ERRNO } from '../../../linux/errno.ts';
import {
  ACTION,
  type ArgumentTest,
  EPERM,
  errnoAction,
  type ProfileRule,
  type RuleCondition,
  type SeccompProfile,
} from '../../../linux/seccomp/profile.ts';
import { ALLOWED_GROUPS } from './allowed-groups.ts';
import { GUARDED_GROUPS, REFUSED_GROUPS } from './guarded-groups.ts';

const ALWAYS: RuleCondition = { capabilities: [], machines: [] };
const SYS_ADMIN: RuleCondition = { capabilities: ['SYS_ADMIN'], machines: [] };

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET (linux/sched.h). */
const NAMESPACE_FLAGS = 0x7e02_0000n;
/** The same with CLONE_NEWTIME, whose bit means something else to clone(2). */
const UNSHARE_NAMESPACE_FLAGS = NAMESPACE_FLAGS | 0x80n;

/** The kernel takes a family as a C int and drops the upper word, so that a test of all 64 bits could be walked around. */
const INT = 0xffff_ffffn;
const SOCKET_FAMILIES: readonly { readonly family: bigint; readonly condition: RuleCondition }[] = [
  { family: 1n, condition: ALWAYS }, // AF_UNIX
  { family: 2n, condition: ALWAYS }, // AF_INET
  { family: 10n, condition: ALWAYS }, // AF_INET6
  { family: 16n, condition: ALWAYS }, // AF_NETLINK
  { family: 17n, condition: { capabilities: ['NET_RAW'], machines: [] } }, // AF_PACKET
  { family: 44n, condition: { capabilities: ['NET_RAW'], machines: [] } }, // AF_XDP
];

/** PER_LINUX, PER_LINUX32, both with UNAME26, and the question for the present one (sys/personality.h). */
const PERSONALITIES = [0n, 0x8n, 0x2_0000n, 0x2_0008n, 0xffff_ffffn];

/**
 * The profile that containers have unless another one is asked for. An allow-list: a call that is not named is refused
 * with EPERM, one that is newer than all that are named with ENOSYS.
 */
export function defaultProfile(): SeccompProfile {
  return {
    defaultAction: errnoAction(EPERM),
    // x32 is left out: hardly a kernel runs it, and its numbers have been a way around filters before.
    archMap: [
      { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] },
      { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
    ],
    rules: [
      ...ALLOWED_GROUPS.map(({ calls }) => rule(calls, ACTION.allow)),
      ...GUARDED_GROUPS.flatMap(({ calls, capabilities }) =>
        capabilities.map((name) => rule(calls, ACTION.allow, { includes: { capabilities: [name], machines: [] } })),
      ),
      // Named, so that they count as known and are no newer calls.
      ...GUARDED_GROUPS.map(({ calls }) => rule(calls, errnoAction(EPERM))),
      ...REFUSED_GROUPS.map(({ calls, errno }) =>
        rule(calls, errnoAction(errno === undefined ? EPERM : errnoOf(errno))),
      ),
      ...newProcessRules(),
      ...socketRules(),
      ...PERSONALITIES.map((value) => rule(['personality'], ACTION.allow, { tests: [equal(value)] })),
    ],
  };
}

/** Processes and threads are made by clone; clone3 has its flags behind a pointer, so C libraries are sent back to clone. */
function newProcessRules(): readonly ProfileRule[] {
  return [
    rule(['clone', 'clone3', 'unshare'], ACTION.allow, { includes: SYS_ADMIN }),
    rule(['clone'], ACTION.allow, { tests: [without(NAMESPACE_FLAGS)], excludes: SYS_ADMIN }),
    rule(['unshare'], ACTION.allow, { tests: [without(UNSHARE_NAMESPACE_FLAGS)], excludes: SYS_ADMIN }),
    rule(['clone3'], errnoAction(errnoOf('ENOSYS')), { excludes: SYS_ADMIN }),
  ];
}

/**
 * A family is opened by name: AF_ALG let every user write to the page cache (CVE-2026-31431, "Copy Fail"), AF_VSOCK
 * reaches the hypervisor, and most others load modules that nobody looks after. The rest gets what a kernel without them
 * answers.
 */
function socketRules(): readonly ProfileRule[] {
  const calls = ['socket', 'socketpair'];
  return [
    ...SOCKET_FAMILIES.map(({ family, condition }) =>
      rule(calls, ACTION.allow, {
        tests: [{ ...equal(family), operator: 'masked-eq', mask: INT }],
        includes: condition,
      }),
    ),
    rule(calls, errnoAction(errnoOf('EAFNOSUPPORT')), { tests: [{ index: 0, operator: 'ge', value: 0n }] }),
  ];
}

function rule(names: readonly string[], action: number, more: Partial<ProfileRule> = {}): ProfileRule {
  return { names, action, tests: [], includes: ALWAYS, excludes: ALWAYS, ...more };
}

function equal(value: bigint): ArgumentTest {
  return { index: 0, operator: 'eq', value };
}

function without(flags: bigint): ArgumentTest {
  return { index: 0, operator: 'masked-eq', value: 0n, mask: flags };
}

function errnoOf(name: string): number {
  const number = ERRNO[name];
  if (number === undefined) throw new RangeError(`${name} is no errno of this system`);
  return number;
}
