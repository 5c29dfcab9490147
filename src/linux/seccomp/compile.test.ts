import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ARCHITECTURES, type Architecture, callNumber, callsOf, X32_BIT } from './architecture.ts';
import { compileFilter } from './compile.ts';
import { type CallData, runProgram } from './interpret.ts';
import { ACTION, type ArgumentTest, errnoAction, type Operator } from './profile.ts';
import { decodeProgram, encodeProgram, type Instruction, MAX_INSTRUCTIONS } from './program.ts';
import type { SelectedProfile, SelectedRule } from './select.ts';

const EPERM = errnoAction(1);
const X86_64 = ARCHITECTURES.x86_64.audit;
const MAX_VALUE = (1n << 64n) - 1n;

function profile(rules: readonly Partial<SelectedRule>[], fields: Partial<SelectedProfile> = {}): SelectedProfile {
  const plain = { names: [], action: ACTION.allow, alternatives: [] };
  return {
    ...{ defaultAction: EPERM, architectures: ['x86_64'], flags: 0 },
    rules: rules.map((rule) => ({ ...plain, ...rule })),
    ...fields,
  };
}

function compile(selected: SelectedProfile, newerCalls: 'enosys' | 'default' = 'default'): readonly Instruction[] {
  return compileFilter(selected, { profile: 'test', newerCalls });
}

function call(name: string, values: readonly bigint[] = [], architecture: Architecture = 'x86_64'): CallData {
  const number = callNumber(architecture, name) ?? Number.NaN;
  return { architecture: ARCHITECTURES[architecture].audit, number, arguments: values };
}

test('a call that is allowed is let through, any other gets the default', () => {
  const program = compile(profile([{ names: ['read', 'write'] }]));
  expect(runProgram(program, call('write'))).toBe(ACTION.allow);
  expect(runProgram(program, call('open'))).toBe(EPERM);
});

test('a process of an architecture that is not named is killed', () => {
  const program = compile(profile([{ names: ['read'] }]));
  expect(runProgram(program, call('read', [], 'x86'))).toBe(ACTION.killProcess);
});

test('calls of x32 are killed unless x32 is named, and number -1 is none of them', () => {
  const rules = [{ names: ['read'] }];
  const read = call('read', [], 'x32');
  expect(runProgram(compile(profile(rules)), read)).toBe(ACTION.killProcess);
  const both = profile(rules, { architectures: ['x86_64', 'x32'] });
  expect(runProgram(compile(both), read)).toBe(ACTION.allow);
  const skipped = { architecture: X86_64, number: 0xffff_ffff, arguments: [] };
  expect(runProgram(compile(profile(rules)), skipped)).toBe(EPERM);
});

test('calls that are newer than all that a profile names are not there, as runc has it', () => {
  const program = compile(profile([{ names: ['read', 'statx'] }]), 'enosys');
  expect(runProgram(program, call('openat2'))).toBe(errnoAction(38));
  expect(runProgram(program, call('open'))).toBe(EPERM);
});

test('where the default lets calls through, newer ones are let through too', () => {
  const rules = [{ names: ['statx'], action: EPERM }];
  const program = compile(profile(rules, { defaultAction: ACTION.allow }), 'enosys');
  expect(runProgram(program, call('openat2'))).toBe(ACTION.allow);
});

test('names that the architecture does not have are passed over', () => {
  const program = compile(profile([{ names: ['socketcall', 'no_such_call', 'constructor', 'read'] }]));
  expect(runProgram(program, call('read'))).toBe(ACTION.allow);
});

test('a rule without tests wins over those with, wherever it stands', () => {
  const tested = { names: ['read'], action: EPERM, alternatives: [[equals(0, 1n)]] };
  for (const rules of [
    [tested, { names: ['read'] }],
    [{ names: ['read'] }, tested],
  ]) {
    const program = compile(profile(rules, { defaultAction: ACTION.killThread }));
    expect(runProgram(program, call('read', [1n]))).toBe(ACTION.allow);
  }
});

test('what the default does anyway is no rule', () => {
  const rules = [{ names: ['read'] }, { names: ['read'], action: EPERM, alternatives: [[equals(0, 1n)]] }];
  const program = compile(profile(rules, { defaultAction: ACTION.allow }));
  expect(runProgram(program, call('read', [1n]))).toBe(EPERM);
});

test('a program that the kernel would not take is refused with both numbers', () => {
  const names = callsOf('x86_64').map(([name]) => name);
  const alternatives = [0, 1, 2, 3, 4, 5].map((index) => [equals(index, 1n << 40n)]);
  expect(() => compile(profile([{ names, alternatives }]))).toThrow(`the kernel takes ${MAX_INSTRUCTIONS}`);
});

test('a program survives its encoding', () => {
  const program = compile(profile([{ names: ['read'], alternatives: [[equals(0, MAX_VALUE)]] }]));
  expect(decodeProgram(encodeProgram(program))).toEqual(program);
});

const VALUES = [0n, 1n, 2n, 0xffff_fffen, 0xffff_ffffn, 1n << 32n, (1n << 32n) + 1n, MAX_VALUE - 1n, MAX_VALUE];

describe('tests of arguments', () => {
  test.each(['ne', 'lt', 'le', 'eq', 'ge', 'gt'] as const)('%s is that of 64-bit numbers', (operator) => {
    for (const value of VALUES) {
      const program = compile(profile([{ names: ['read'], alternatives: [[{ index: 3, operator, value }]] }]));
      for (const given of VALUES) {
        const expected = holds({ index: 0, operator, value }, [given]) ? ACTION.allow : EPERM;
        expect(runProgram(program, call('read', [9n, 9n, 9n, given])), `${given} ${operator} ${value}`).toBe(expected);
      }
    }
  });
});

const anyTest: fc.Arbitrary<ArgumentTest> = fc
  .record({
    index: fc.integer({ min: 0, max: 1 }),
    operator: fc.constantFrom<Operator[]>('ne', 'lt', 'le', 'eq', 'ge', 'gt', 'masked-eq'),
    value: fc.constantFrom(...VALUES),
    mask: fc.constantFrom(...VALUES),
  })
  .map(({ mask, ...rest }) => (rest.operator === 'masked-eq' ? { ...rest, mask } : rest));

const anyRule: fc.Arbitrary<SelectedRule> = fc.record({
  names: fc.subarray(['read', 'write', 'clone', 'openat', 'listns'], { minLength: 1 }),
  action: fc.constantFrom<number[]>(ACTION.allow, ACTION.log, EPERM, errnoAction(38), ACTION.killProcess),
  alternatives: fc.array(fc.array(anyTest, { minLength: 1, maxLength: 3 }), { maxLength: 3 }),
});

test('any program does what its rules say, read one after the other', () => {
  const values = fc.tuple(fc.constantFrom(...VALUES), fc.constantFrom(...VALUES));
  const property = fc.property(fc.array(anyRule, { maxLength: 8 }), values, (rules, given) => {
    const selected = profile(rules);
    const program = compile(selected);
    for (const name of ['read', 'write', 'clone', 'openat', 'listns', 'close']) {
      expect(runProgram(program, call(name, given))).toBe(expectedAction(selected, name, given));
    }
  });
  fc.assert(property, { numRuns: 500 });
});

test('a long program reaches all of its parts', () => {
  const names = callsOf('x86_64').map(([name]) => name);
  const rules = names.map((name, index) => ({
    names: [name],
    action: errnoAction((index % 100) + 2),
    alternatives: [[equals(index % 6, BigInt(index)), equals((index + 1) % 6, 1n << 40n)]],
  }));
  const selected = profile(rules);
  const program = compile(selected);
  expect(program.length).toBeGreaterThan(2000);
  for (const [index, name] of names.entries()) {
    const given = [0, 1, 2, 3, 4, 5].map((at) => (at === index % 6 ? BigInt(index) : 1n << 40n));
    expect(runProgram(program, call(name, given))).toBe(expectedAction(selected, name, given));
    expect(runProgram(program, call(name, []))).toBe(expectedAction(selected, name, [0n, 0n, 0n, 0n, 0n, 0n]));
  }
  expect(runProgram(program, { architecture: X86_64, number: X32_BIT - 1, arguments: [] })).toBe(EPERM);
});

function equals(index: number, value: bigint): ArgumentTest {
  return { index, operator: 'eq', value };
}

function expectedAction({ rules, defaultAction }: SelectedProfile, name: string, given: readonly bigint[]): number {
  const own = rules.filter((rule) => rule.names.includes(name) && rule.action !== defaultAction);
  const always = own.find(({ alternatives }) => alternatives.length === 0);
  if (always !== undefined) return always.action;
  const fitting = own.find(({ alternatives }) => alternatives.some((tests) => tests.every((one) => holds(one, given))));
  return fitting?.action ?? defaultAction;
}

function holds({ index, operator, value, mask = MAX_VALUE }: ArgumentTest, given: readonly bigint[]): boolean {
  const argument = given[index] ?? 0n;
  switch (operator) {
    case 'ne':
      return argument !== value;
    case 'lt':
      return argument < value;
    case 'le':
      return argument <= value;
    case 'eq':
      return argument === value;
    case 'ge':
      return argument >= value;
    case 'gt':
      return argument > value;
    case 'masked-eq':
      return (argument & mask) === value;
  }
}
