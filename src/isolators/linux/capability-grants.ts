import { CAPABILITY_NAMES, DEFAULT_CAPABILITIES } from '../../linux/capabilities.ts';
import {
  ALL_CAPABILITIES,
  CAPABILITY_SETS,
  type CapabilityConfig,
  parseCapabilityNames,
} from '../../model/capability-config.ts';
import { defineErrors } from '../../model/error.ts';
import type { CapabilitySets } from '../../model/launch-plan.ts';
import type { RightsPolicy } from '../../model/rights-policy.ts';
import type { PlanInput } from '../isolator.ts';

type Names = readonly string[];

export const capabilitiesErrors = defineErrors('linux/capabilities', {
  notHeld: {
    kind: 'failed-precondition',
    message: (d: { missing: Names }) =>
      `the engine cannot hand out ${d.missing.join(', ')}: it does not hold them itself`,
    remedy: () => 'run the agent with them, drop them, or choose isolators without linux/capabilities',
  },
  unknown: {
    kind: 'invalid-argument',
    message: (d: { names: Names }) => `no capability is called ${d.names.join(', ')}`,
    remedy: () => `known are ${CAPABILITY_NAMES.join(', ')}`,
  },
  beyondAgent: {
    kind: 'permission-denied',
    message: (d: { names: Names; most: Names }) =>
      `the container asks for ${d.names.join(', ')}, and the agent gives out no more than ${d.most.join(', ') || 'none'}`,
    remedy: () => "ask whoever runs the agent to add them to the agent's --bounding-capabilities",
  },
  usualBeyondMost: {
    kind: 'invalid-argument',
    message: (d: { names: Names; most: Names }) =>
      `the agent is to grant ${d.names.join(', ')} and to give out no more than ${d.most.join(', ') || 'none'}`,
    remedy: () => 'take them out of --effective-capabilities, or add them to --bounding-capabilities',
  },
  notWithin: {
    kind: 'invalid-argument',
    message: (d: { inner: string; names: Names; outer: string }) =>
      `${d.names.join(', ')} of the ${d.inner} capabilities ${d.names.length > 1 ? 'are' : 'is'} not among the ${d.outer} ones`,
    remedy: (d: { inner: string; outer: string }) => `add to the ${d.outer} set, or take from the ${d.inner} set`,
  },
});

/** Each set with one that holds all of it (capabilities(7), "Thread capability sets" and "Ambient"). */
const WITHIN: readonly (readonly [keyof CapabilitySets, keyof CapabilitySets])[] = [
  ['permitted', 'bounding'],
  ['inheritable', 'bounding'],
  ['effective', 'permitted'],
  ['ambient', 'permitted'],
  ['ambient', 'inheritable'],
];

/** The five sets that a container asks for, within what the agent gives out. */
export type CapabilityGrants = (input: Pick<PlanInput, 'config' | 'host'>) => CapabilitySets;

/**
 * What the agent grants and permits, checked once.
 *
 * @throws {EngineError} `linux/capabilities.unknown`, `.usualBeyondMost` (invalid-argument); the function as isolators do
 */
export function capabilityGrants({ mostCapabilities, usualCapabilities }: RightsPolicy = {}): CapabilityGrants {
  const most = mostCapabilities === undefined ? undefined : parseCapabilityNames('bounding', mostCapabilities);
  const permitted = (names: Names): Names => (most === undefined ? names : names.filter((name) => most.includes(name)));
  const usual =
    usualCapabilities === undefined
      ? permitted(DEFAULT_CAPABILITIES)
      : parseCapabilityNames('effective', usualCapabilities);
  checkKnown([...(most ?? []), ...usual]);
  const beyond = usual.filter((name) => !permitted(usual).includes(name));
  if (beyond.length > 0) throw capabilitiesErrors.usualBeyondMost({ names: beyond, most: most ?? [] });
  return ({ config, host }) => {
    const { capabilities: asked = {}, privileged = false } = config.security;
    const all = permitted(host.availableCapabilities);
    const sets = setsOf(asked, { usual: privileged ? all : usual, all });
    checkKnown(CAPABILITY_SETS.flatMap((name) => sets[name]));
    checkWithin(sets);
    const missing = sets.bounding.filter((name) => !host.availableCapabilities.includes(name));
    if (missing.length > 0) throw capabilitiesErrors.notHeld({ missing });
    const names = sets.bounding.filter((name) => !permitted(sets.bounding).includes(name));
    if (names.length > 0) throw capabilitiesErrors.beyondAgent({ names, most: most ?? [] });
    return sets;
  };
}

function setsOf(asked: CapabilityConfig, grants: { readonly usual: Names; readonly all: Names }): CapabilitySets {
  const bounding = asked.bounding ?? granted(asked, grants);
  const permitted = asked.permitted ?? bounding;
  const ambient = asked.ambient ?? [];
  return {
    bounding,
    effective: asked.effective ?? permitted,
    permitted,
    inheritable: asked.inheritable ?? ambient,
    ambient,
  };
}

/** As Docker has it: all but what is dropped, or nothing but what is added, or what is usual, less and more. */
function granted(
  { add = [], drop = [] }: CapabilityConfig,
  { usual, all }: { readonly usual: Names; readonly all: Names },
): Names {
  const start = add.includes(ALL_CAPABILITIES) ? all : drop.includes(ALL_CAPABILITIES) ? [] : usual;
  const kept = start.filter((name) => !drop.includes(name));
  // What is dropped by name is checked too: a slip of the pen must not leave a right behind.
  checkKnown([...add, ...drop].filter((name) => name !== ALL_CAPABILITIES));
  return [...new Set([...kept, ...add.filter((name) => name !== ALL_CAPABILITIES)])];
}

function checkKnown(names: Names): void {
  const known: Names = CAPABILITY_NAMES;
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw capabilitiesErrors.unknown({ names: [...new Set(unknown)] });
}

function checkWithin(sets: CapabilitySets): void {
  for (const [inner, outer] of WITHIN) {
    const names = sets[inner].filter((name) => !sets[outer].includes(name));
    if (names.length > 0) throw capabilitiesErrors.notWithin({ inner, names, outer });
  }
}
