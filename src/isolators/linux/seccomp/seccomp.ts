import { createHash } from 'node:crypto';
import { buildFilter, refusedCall, type SeccompFilter } from '../../../linux/seccomp/filter.ts';
import { parseProfile } from '../../../linux/seccomp/parse-profile.ts';
import type { SeccompProfile } from '../../../linux/seccomp/profile.ts';
import type { SelectionFacts } from '../../../linux/seccomp/select.ts';
import { defineErrors } from '../../../model/error.ts';
import { LAUNCHER_KINDS } from '../../../model/launcher-kind.ts';
import type { SeccompChoice } from '../../../model/security-config.ts';
import type { Isolator, PlanInput } from '../../isolator.ts';
import { grantedCapabilities } from '../capabilities.ts';
import { type CapabilityGrants, capabilityGrants } from '../capability-grants.ts';
import { hasNoNewPrivileges } from '../nnp.ts';
import { defaultProfile } from './default-profile.ts';
import { FilterCache } from './filter-cache.ts';

export const seccompErrors = defineErrors('linux/seccomp', {
  notOffered: {
    kind: 'failed-precondition',
    message: () => 'this kernel has no seccomp filters, and system calls are to be filtered',
    remedy: () =>
      'use a kernel with CONFIG_SECCOMP_FILTER, or do without a filter knowingly: --security-opt seccomp=unconfined',
  },
  refusesStart: {
    kind: 'invalid-argument',
    message: (d: { profile: string; call: string; action: string }) =>
      `seccomp profile ${d.profile} answers ${d.call} with ${d.action}, and no container starts without that call`,
    remedy: (d: { call: string }) => `allow ${d.call}`,
  },
});

/** What the helper itself still calls once the filter is installed. */
const CALLS_OF_EXEC = ['execve'];
/** Without no_new_privs the filter comes first, and the loss of rights and the start barrier after it. */
const CALLS_OF_CONFINEMENT = [
  ...['prctl', 'capget', 'capset', 'setgroups', 'setresgid', 'setresuid', 'sendmsg', 'recvmsg'],
];
/** Our own first process forks, passes signals on and reaps. */
const CALLS_OF_REAPER = [
  'prctl',
  'rt_sigprocmask',
  'rt_sigaction',
  'clone',
  'setsid',
  'rt_sigtimedwait',
  'wait4',
  'kill',
];

/** Filters that are kept; a container asks with its profile and its capabilities, and most ask with the same. */
const KEPT_FILTERS = 64;

const UNCONFINED: SeccompChoice = { kind: 'unconfined' };

/** The name of our own profile, in plans and reports. */
const BUILTIN = 'builtin';

/**
 * Isolator `linux/seccomp`: a filter of system calls for every process of the container, ours unless another is asked
 * for. Compiling is pure, and its results are kept, so that a launch finds them made.
 *
 * @param agentChoice what containers get that ask for nothing; missing means our own profile
 * @param grants whose capabilities the profile goes by
 * @throws {EngineError} `seccomp.*` when the agent's profile is none
 */
export function seccomp(
  agentChoice: SeccompChoice = { kind: 'builtin' },
  grants: CapabilityGrants = capabilityGrants(),
): Isolator {
  const filters = new FilterCache<SeccompFilter>(KEPT_FILTERS);
  const builtin = defaultProfile();
  if (agentChoice.kind === 'profile') parseProfile(agentChoice.name, agentChoice.content);
  return {
    name: 'linux/seccomp',
    requires: [],
    launchers: LAUNCHER_KINDS,
    plan(input) {
      const { seccomp: asked, privileged } = input.config.security;
      const choice = asked ?? (privileged ? UNCONFINED : agentChoice);
      if (choice.kind === 'unconfined') return {};
      if (!input.host.hasSeccomp) throw seccompErrors.notOffered();
      const profile = choice.kind === 'profile' ? choice.name : BUILTIN;
      const facts = {
        capabilities: grantedCapabilities(input, grants),
        architecture: input.host.architecture,
        kernel: input.host.kernel,
      };
      const filter = filters.get(cacheKey(choice, facts), () => {
        const parsed: SeccompProfile = choice.kind === 'profile' ? parseProfile(profile, choice.content) : builtin;
        return buildFilter(parsed, facts, { profile, newerCalls: 'enosys' });
      });
      checkStart({ profile, filter, input });
      return { seccomp: { profile, ...filter } };
    },
  };
}

/**
 * A filter that refuses what the helper still has to do would end the launch without a word: nothing is left then that
 * could tell why.
 *
 * @throws {EngineError} `linux/seccomp.refusesStart` (invalid-argument)
 */
function checkStart({
  profile,
  filter,
  input,
}: {
  readonly profile: string;
  readonly filter: SeccompFilter;
  readonly input: PlanInput;
}): void {
  const needed = [
    ...CALLS_OF_EXEC,
    ...(hasNoNewPrivileges(input) ? [] : CALLS_OF_CONFINEMENT),
    ...(input.config.init ? CALLS_OF_REAPER : []),
  ];
  const refused = refusedCall(filter, input.host.architecture, needed);
  if (refused !== undefined) throw seccompErrors.refusesStart({ profile, ...refused });
}

/** Machine and kernel are the same for all of them. */
function cacheKey(choice: SeccompChoice, facts: SelectionFacts): string {
  const content = choice.kind === 'profile' ? createHash('sha256').update(choice.content).digest('hex') : BUILTIN;
  return `${content} ${facts.capabilities.toSorted().join(',')}`;
}
