import { expect, test } from 'vitest';
import { ACTION, type ProfileRule, type SeccompProfile } from './profile.ts';
import { type SelectionFacts, selectRules } from './select.ts';

const NONE = { capabilities: [], machines: [] };
const FACTS: SelectionFacts = { capabilities: ['KILL'], architecture: 'x86_64', kernel: { major: 6, minor: 1 } };

function namesFor(rules: readonly Partial<ProfileRule>[], facts: Partial<SelectionFacts> = {}): readonly string[] {
  const plain = { names: [], action: ACTION.allow, tests: [], includes: NONE, excludes: NONE };
  const profile: SeccompProfile = { defaultAction: 0, rules: rules.map((rule) => ({ ...plain, ...rule })) };
  return selectRules(profile, { ...FACTS, ...facts }).rules.flatMap(({ names }) => names);
}

test('a rule that includes capabilities needs all of them, one that excludes them none', () => {
  const both = { ...NONE, capabilities: ['SYS_ADMIN', 'BPF'] };
  const rules = [
    { names: ['in'], includes: both },
    { names: ['out'], excludes: both },
  ];
  expect(namesFor(rules, { capabilities: ['SYS_ADMIN'] })).toEqual([]);
  expect(namesFor(rules, { capabilities: ['SYS_ADMIN', 'BPF'] })).toEqual(['in']);
  expect(namesFor(rules, { capabilities: ['KILL'] })).toEqual(['out']);
});

test('machines have the names that Go gives them', () => {
  const rules = [
    { names: ['amd'], includes: { ...NONE, machines: ['amd64', 'x32'] } },
    { names: ['not-arm'], excludes: { ...NONE, machines: ['arm64'] } },
  ];
  expect(namesFor(rules)).toEqual(['amd', 'not-arm']);
  expect(namesFor(rules, { architecture: 'aarch64' })).toEqual([]);
});

test('kernels are compared by number, not by text', () => {
  const rules = [
    { names: ['new'], includes: { ...NONE, minKernel: { major: 5, minor: 11 } } },
    { names: ['old'], excludes: { ...NONE, minKernel: { major: 5, minor: 11 } } },
  ];
  expect(namesFor(rules, { kernel: { major: 5, minor: 10 } })).toEqual(['old']);
  expect(namesFor(rules, { kernel: { major: 5, minor: 11 } })).toEqual(['new']);
  expect(namesFor(rules, { kernel: { major: 6, minor: 1 } })).toEqual(['new']);
});

test('two tests of one argument are alternatives, as with runc', () => {
  const eq = (index: number, value: bigint) => ({ index, operator: 'eq', value }) as const;
  const profile = (tests: ProfileRule['tests']): SeccompProfile => ({
    defaultAction: 0,
    rules: [{ names: ['x'], action: ACTION.allow, tests, includes: NONE, excludes: NONE }],
  });
  const alternatives = (tests: ProfileRule['tests']) => selectRules(profile(tests), FACTS).rules[0]?.alternatives;
  expect(alternatives([eq(0, 1n), eq(1, 2n)])).toEqual([[eq(0, 1n), eq(1, 2n)]]);
  expect(alternatives([eq(0, 1n), eq(0, 2n)])).toEqual([[eq(0, 1n)], [eq(0, 2n)]]);
  expect(alternatives([])).toEqual([]);
});

test('the map of architectures adds those that a machine runs besides its own', () => {
  const archMap = [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'] }];
  const profile: SeccompProfile = { defaultAction: 0, archMap, rules: [] };
  expect(selectRules(profile, FACTS).architectures).toEqual(['x86_64', 'x86', 'x32']);
  expect(selectRules(profile, { ...FACTS, architecture: 'aarch64' }).architectures).toEqual(['aarch64']);
});

test('a list of architectures is for many machines, and ours is always in it', () => {
  const architectures = ['SCMP_ARCH_X86', 'SCMP_ARCH_ARM', 'SCMP_ARCH_S390X'];
  const profile: SeccompProfile = { defaultAction: 0, architectures, rules: [] };
  expect(selectRules(profile, FACTS).architectures).toEqual(['x86_64', 'x86']);
  expect(selectRules(profile, { ...FACTS, architecture: 'aarch64' }).architectures).toEqual(['aarch64', 'arm']);
});

test('a profile that does not speak of flags leaves speculation alone', () => {
  const profile: SeccompProfile = { defaultAction: 0, rules: [] };
  expect(selectRules(profile, FACTS).flags).toBe(4);
  expect(selectRules({ ...profile, flags: 0 }, FACTS).flags).toBe(0);
});
