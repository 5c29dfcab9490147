import { DEFAULT_CAPABILITIES } from '../../linux/capabilities.ts';
import { defineErrors } from '../../model/error.ts';
import { LAUNCHER_KINDS } from '../../model/launcher-kind.ts';
import type { Isolator, PlanInput } from '../isolator.ts';

export const capabilitiesErrors = defineErrors('linux/capabilities', {
  notHeld: {
    kind: 'failed-precondition',
    message: (d: { missing: readonly string[] }) =>
      `the engine cannot hand out ${d.missing.join(', ')}: it does not hold them itself`,
    remedy: () => 'run the agent with them, or choose isolators without linux/capabilities',
  },
});

const NAME = 'linux/capabilities';

/** The bounding set of a container: what other isolators make depend on its capabilities depends on this. */
export function grantedCapabilities({ isolators, host }: Pick<PlanInput, 'isolators' | 'host'>): readonly string[] {
  return isolators.includes(NAME) ? DEFAULT_CAPABILITIES : host.availableCapabilities;
}

/**
 * Isolator `linux/capabilities`: the nine that CRI-O grants, and never an inheritable or ambient one (CVE-2022-24769).
 * A user other than root loses all of them at exec; the bounding set stays.
 */
export function capabilities(): Isolator {
  return {
    name: NAME,
    requires: [],
    launchers: LAUNCHER_KINDS,
    appliesTo: (_, host) => host.uid === 0,
    plan({ host }) {
      const missing = DEFAULT_CAPABILITIES.filter((name) => !host.availableCapabilities.includes(name));
      if (missing.length > 0) throw capabilitiesErrors.notHeld({ missing });
      const granted = DEFAULT_CAPABILITIES;
      return {
        capabilities: { bounding: granted, effective: granted, permitted: granted, inheritable: [], ambient: [] },
      };
    },
  };
}
