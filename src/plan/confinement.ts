import { capabilityMask } from '../linux/capabilities.ts';
import type { CommandPlan, LaunchPlan, Owned, UserRequest } from '../model/launch-plan.ts';
import { type Step, step } from '../model/wire.ts';
import { settingSteps } from './encode-settings.ts';

/** What differs between init and an exec session; all else is the plan's. */
export interface ConfinedCommand {
  readonly user: Owned<{ readonly user: UserRequest }>;
  readonly command: Owned<CommandPlan>;
  /** Steps that need to know the user. */
  readonly own: readonly Step[];
  /** Make a missing working directory. */
  readonly createWorkdir: boolean;
  /** Steps between the working directory and the loss of privileges. */
  readonly seal: readonly Step[];
  /** Steps once it is started, with its rights already. */
  readonly beforeExec: readonly Step[];
  /** Whether the filter of system calls comes before the start barrier, and not after it, where it may. */
  readonly isFilteredEarly: boolean;
}

/**
 * The last steps of every process of a container, init and exec sessions alike: who it is, what it may, and the
 * command. One function for both, so that exec can never be confined less (CVE-2022-29162 and its kin).
 */
export function confinementSteps(plan: LaunchPlan, confined: ConfinedCommand): readonly Step[] {
  const { user, command, own, createWorkdir, seal, beforeExec, isFilteredEarly } = confined;
  const { noNewPrivileges } = plan;
  const promise = noNewPrivileges === undefined ? [] : [step(noNewPrivileges.by, 'no-new-privileges', {})];
  const filter = filterSteps(plan, isFilteredEarly);
  return [
    step(user.by, 'resolve-user', { user: user.user.user, group: user.user.group ?? '' }),
    ...own,
    step(command.by, 'set-workdir', { path: command.workdir, create: createWorkdir ? 1 : 0 }),
    ...seal,
    step(command.by, 'set-umask', { umask: plan.umask }),
    // Before the settings, for who is not root may put Landlock in force only with it.
    ...(plan.unprivileged ? promise : []),
    ...settingSteps(plan),
    ...filter.beforeCredentials,
    ...(plan.unprivileged ? [] : [credentialsStep(plan), ...promise]),
    ...filter.beforeStart,
    step('launcher', 'await-start', {}),
    ...beforeExec,
    ...filter.beforeExec,
    step(command.by, 'exec', { arguments: command.arguments, environment: command.environment }),
  ];
}

/** Who is not root has nothing to give up, and may not even say so (PR_CAPBSET_DROP and setgroups are refused). */
function credentialsStep({ capabilities }: LaunchPlan): Step {
  return step(capabilities.by, 'apply-credentials', {
    bounding: capabilityMask(capabilities.bounding),
    effective: capabilityMask(capabilities.effective),
    permitted: capabilityMask(capabilities.permitted),
    inheritable: capabilityMask(capabilities.inheritable),
    ambient: capabilityMask(capabilities.ambient),
  });
}

/**
 * A filter is installed as late as can be, so that it need not let through what comes before: after `start` with
 * no_new_privs. Without, that takes CAP_SYS_ADMIN (seccomp(2)), so it comes before the capabilities go, and the profile must
 * allow what follows, as with runc.
 */
function filterSteps({ seccomp, noNewPrivileges }: LaunchPlan, isEarly: boolean) {
  const none = { beforeCredentials: [], beforeStart: [], beforeExec: [] };
  if (seccomp === undefined) return none;
  const program = Buffer.from(seccomp.program, 'base64');
  const steps = [step(seccomp.by, 'seccomp-filter', { program, flags: seccomp.flags })];
  if (noNewPrivileges === undefined) return { ...none, beforeCredentials: steps };
  return isEarly ? { ...none, beforeStart: steps } : { ...none, beforeExec: steps };
}
