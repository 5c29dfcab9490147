import { LAUNCHER_KINDS } from '../../model/launcher-kind.ts';
import type { Isolator, PlanInput } from '../isolator.ts';
import { type CapabilityGrants, capabilityGrants } from './capability-grants.ts';

const NAME = 'linux/capabilities';

/** The bounding set of a container: what other isolators make depend on its capabilities depends on this. */
export function grantedCapabilities(
  input: Pick<PlanInput, 'isolators' | 'config' | 'host'>,
  grants: CapabilityGrants,
): readonly string[] {
  return input.isolators.includes(NAME) ? grants(input).bounding : input.host.availableCapabilities;
}

/**
 * Isolator `linux/capabilities`: the five sets, by default the nine that CRI-O grants, and none inheritable or ambient
 * unless asked for (CVE-2022-24769). A user other than root loses all but the ambient ones at exec; the bounding set stays.
 */
export function capabilities(grants: CapabilityGrants = capabilityGrants()): Isolator {
  return {
    name: NAME,
    requires: [],
    launchers: LAUNCHER_KINDS,
    needsRoot: true,
    plan: (input) => ({ capabilities: grants(input) }),
  };
}
