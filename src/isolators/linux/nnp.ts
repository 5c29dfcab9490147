import { defineErrors } from '../../model/error.ts';
import { LAUNCHER_KINDS } from '../../model/launcher-kind.ts';
import type { RightsPolicy } from '../../model/rights-policy.ts';
import type { Isolator, PlanInput } from '../isolator.ts';

export const nnpErrors = defineErrors('linux/nnp', {
  forced: {
    kind: 'permission-denied',
    message: (d: { privileged: boolean }) => {
      const wanted = d.privileged ? 'a privileged container goes' : 'the container is to go';
      return `${wanted} without no_new_privs, and the agent forces it on every container`;
    },
    remedy: () => 'say --security-opt no-new-privileges=true, or run the agent without --force-no-new-privileges',
  },
});

const NAME = 'linux/nnp';

/** Whether no exec of the container gains rights: what other isolators make depend on it depends on this. */
export function hasNoNewPrivileges({ isolators, config }: Pick<PlanInput, 'isolators' | 'config'>): boolean {
  return isolators.includes(NAME) && isWanted(config);
}

function isWanted({ security }: PlanInput['config']): boolean {
  return security.noNewPrivileges ?? security.privileged !== true;
}

/**
 * Isolator `linux/nnp`: no program of the container gains privileges by exec (setuid bits, file capabilities), unless
 * the container asks to do without that, or is privileged and does not ask for it.
 */
export function noNewPrivileges({ forceNoNewPrivileges = false }: RightsPolicy = {}): Isolator {
  return {
    name: NAME,
    requires: [],
    launchers: LAUNCHER_KINDS,
    plan({ config }) {
      if (isWanted(config)) return { noNewPrivileges: true };
      if (forceNoNewPrivileges) throw nnpErrors.forced({ privileged: config.security.privileged === true });
      return {};
    },
  };
}
