import { type Architecture, architectureOf, GO_NAME } from './architecture.ts';
import {
  type ArgumentTest,
  FILTER_FLAG,
  type KernelVersion,
  type ProfileRule,
  type RuleCondition,
  type SeccompProfile,
} from './profile.ts';

/** What a profile's conditions are about. */
export interface SelectionFacts {
  /** The bounding set of the container, names without `CAP_`. */
  readonly capabilities: readonly string[];
  /** The machine's own. */
  readonly architecture: Architecture;
  readonly kernel: KernelVersion;
}

/** The rules of one filter, conditions decided. */
export interface SelectedProfile {
  readonly defaultAction: number;
  /** The machine's own first. */
  readonly architectures: readonly Architecture[];
  readonly flags: number;
  readonly rules: readonly SelectedRule[];
}

export interface SelectedRule {
  readonly names: readonly string[];
  readonly action: number;
  /** Any of these lists must hold in full; none at all means always. */
  readonly alternatives: readonly (readonly ArgumentTest[])[];
}

/** Decides every condition of a profile. Pure. */
export function selectRules(profile: SeccompProfile, facts: SelectionFacts): SelectedProfile {
  return {
    defaultAction: profile.defaultAction,
    architectures: architecturesOf(profile, facts.architecture),
    // As runc: a profile that does not speak of flags leaves speculation alone, for the mitigation costs every thread.
    flags: profile.flags ?? FILTER_FLAG.specAllow,
    rules: profile.rules
      .filter((rule) => isIncluded(rule.includes, facts) && !isExcluded(rule.excludes, facts))
      .map(({ names, action, tests }) => ({ names, action, alternatives: alternativesOf(tests) })),
  };
}

function architecturesOf({ archMap, architectures }: SeccompProfile, own: Architecture): readonly Architecture[] {
  const entry = archMap?.find(({ architecture }) => architectureOf(architecture) === own);
  const names = entry === undefined ? (architectures ?? []) : entry.subArchitectures;
  const known = names.map(architectureOf).filter((name) => name !== undefined);
  return [...new Set([own, ...known])].filter((name) => MACHINE[own].includes(name));
}

/** Architectures whose programs a machine can run. */
const MACHINE: Readonly<Record<Architecture, readonly Architecture[]>> = {
  x86_64: ['x86_64', 'x86', 'x32'],
  x86: ['x86'],
  x32: ['x86_64', 'x86', 'x32'],
  aarch64: ['aarch64', 'arm'],
  arm: ['arm'],
};

function isIncluded({ capabilities, machines, minKernel }: RuleCondition, facts: SelectionFacts): boolean {
  return (
    (machines.length === 0 || machines.includes(GO_NAME[facts.architecture])) &&
    capabilities.every((name) => facts.capabilities.includes(name)) &&
    (minKernel === undefined || isAtLeast(facts.kernel, minKernel))
  );
}

function isExcluded({ capabilities, machines, minKernel }: RuleCondition, facts: SelectionFacts): boolean {
  return (
    machines.includes(GO_NAME[facts.architecture]) ||
    capabilities.some((name) => facts.capabilities.includes(name)) ||
    (minKernel !== undefined && isAtLeast(facts.kernel, minKernel))
  );
}

function isAtLeast(kernel: KernelVersion, least: KernelVersion): boolean {
  return kernel.major > least.major || (kernel.major === least.major && kernel.minor >= least.minor);
}

/** As runc and crun: when two tests are about one argument, every test of the rule is an alternative of its own. */
function alternativesOf(tests: ProfileRule['tests']): SelectedRule['alternatives'] {
  if (tests.length === 0) return [];
  const indices = new Set(tests.map(({ index }) => index));
  return indices.size < tests.length ? tests.map((test) => [test]) : [tests];
}
