import { defineErrors } from '../../model/error.ts';
import { LAUNCHER_KINDS } from '../../model/launcher-kind.ts';
import type { RightsPolicy } from '../../model/rights-policy.ts';
import type { Isolator, PlanInput } from '../isolator.ts';

export const nnpErrors = defineErrors('linux/nnp', {
  forced: {
    kind: 'permission-denied',
    message: () => 'the container is to do without no_new_privs, and the agent forces it on every container',
    remedy: () => 'leave the option out, or ask whoever runs the agent to run it without --force-no-new-privileges',
  },
});

const NAME = 'linux/nnp';

/** Whether no exec of the container gains rights: what other isolators make depend on it depends on this. */
export function hasNoNewPrivileges({ isolators, config }: Pick<PlanInput, 'isolators' | 'config'>): boolean {
  return isolators.includes(NAME) && config.security.noNewPrivileges !== false;
}

/**
 * Isolator `linux/nnp`: no program of the container gains privileges by exec (setuid bits, file capabilities), unless
 * the container asks to do without that.
 */
export function noNewPrivileges({ forceNoNewPrivileges = false }: RightsPolicy = {}): Isolator {
  return {
    name: NAME,
    requires: [],
    launchers: LAUNCHER_KINDS,
    plan({ config }) {
      if (config.security.noNewPrivileges !== false) return { noNewPrivileges: true };
      if (forceNoNewPrivileges) throw nnpErrors.forced();
      return {};
    },
  };
}
