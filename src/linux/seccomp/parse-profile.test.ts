import { describe, expect, test } from 'vitest';
import { parseProfile } from './parse-profile.ts';
import { ACTION, errnoAction, FILTER_FLAG } from './profile.ts';

const parse = (profile: object) => parseProfile('p.json', JSON.stringify(profile));
const rule = (fields: object) => parse({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [fields] }).rules[0];
const READ = { names: ['read'], action: 'SCMP_ACT_ALLOW' };

test('a rule has its names, its action, its tests and its conditions', () => {
  const parsed = rule({
    ...READ,
    args: [{ index: 2, value: 1, valueTwo: 0, op: 'SCMP_CMP_EQ' }],
    comment: 'why',
    includes: { caps: ['CAP_SYS_ADMIN'], arches: ['amd64'], minKernel: '4.8' },
    excludes: {},
  });
  expect(parsed).toEqual({
    names: ['read'],
    action: ACTION.allow,
    tests: [{ index: 2, operator: 'eq', value: 1n }],
    includes: { capabilities: ['SYS_ADMIN'], machines: ['amd64'], minKernel: { major: 4, minor: 8 } },
    excludes: { capabilities: [], machines: [] },
  });
});

test('of a masked test the first value is the mask', () => {
  const args = [{ index: 0, value: 0x7e020000, valueTwo: 5, op: 'SCMP_CMP_MASKED_EQ' }];
  expect(rule({ ...READ, args })?.tests).toEqual([{ index: 0, operator: 'masked-eq', value: 5n, mask: 0x7e020000n }]);
});

test('values keep all of their 64 bits', () => {
  const text = `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_LOG",
    "args": [{"index": 0, "value": 18446744073709551615, "op": "SCMP_CMP_EQ"}]}]}`;
  expect(parseProfile('p.json', text).rules[0]?.tests[0]?.value).toBe((1n << 64n) - 1n);
});

test.each([
  ['SCMP_ACT_KILL', ACTION.killThread],
  ['SCMP_ACT_KILL_THREAD', ACTION.killThread],
  ['SCMP_ACT_KILL_PROCESS', ACTION.killProcess],
  ['SCMP_ACT_TRAP', ACTION.trap],
  ['SCMP_ACT_ERRNO', errnoAction(1)],
  ['SCMP_ACT_TRACE', ACTION.trace],
  ['SCMP_ACT_ALLOW', ACTION.allow],
  ['SCMP_ACT_LOG', ACTION.log],
])('the action %s is what the kernel calls so', (name, action) => {
  expect(parse({ defaultAction: name }).defaultAction).toBe(action);
});

test('an errno is given by number, or by a name, which wins', () => {
  expect(rule({ ...READ, action: 'SCMP_ACT_ERRNO', errnoRet: 38 })?.action).toBe(errnoAction(38));
  expect(rule({ ...READ, action: 'SCMP_ACT_ERRNO', errnoRet: 1, errno: 'EINVAL' })?.action).toBe(errnoAction(22));
  expect(parse({ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 2 }).defaultAction).toBe(errnoAction(2));
});

test('the older form has one name a rule', () => {
  expect(rule({ name: 'read', action: 'SCMP_ACT_ALLOW', args: null })?.names).toEqual(['read']);
});

test('flags are those of seccomp(2)', () => {
  const flags = ['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'];
  expect(parse({ defaultAction: 'SCMP_ACT_ALLOW', flags }).flags).toBe(FILTER_FLAG.log | FILTER_FLAG.specAllow);
  expect(parse({ defaultAction: 'SCMP_ACT_ALLOW', flags: [] }).flags).toBe(0);
  expect(parse({ defaultAction: 'SCMP_ACT_ALLOW' }).flags).toBeUndefined();
});

describe('refuses, by name', () => {
  const allow = { defaultAction: 'SCMP_ACT_ALLOW' };
  const withRule = (fields: object) => ({ ...allow, syscalls: [{ ...READ, ...fields }] });
  test.each([
    ['an unknown field', { ...allow, sycalls: [] }, 'field sycalls is not one of defaultAction'],
    ['an unknown field of a rule', withRule({ arg: [] }), 'field syscalls[0].arg is not one of names'],
    ['an unknown condition', withRule({ includes: { cap: [] } }), 'field syscalls[0].includes.cap is not one of'],
    [
      'an unknown action',
      withRule({ action: 'SCMP_ACT_ALOW' }),
      'syscalls[0].action is "SCMP_ACT_ALOW", and not one of',
    ],
    ['a missing action', { syscalls: [] }, 'field defaultAction is missing'],
    ['an operator', withRule({ args: [{ index: 0, value: 1, op: '==' }] }), 'args[0].op is "=="'],
    ['a seventh argument', withRule({ args: [{ index: 6, value: 1, op: 'SCMP_CMP_EQ' }] }), 'args[0].index is 6'],
    ['a negative value', withRule({ args: [{ index: 0, value: -1, op: 'SCMP_CMP_EQ' }] }), 'args[0].value is -1'],
    ['a capability', withRule({ includes: { caps: ['CAP_SYS_ADMN'] } }), 'caps[0] is "CAP_SYS_ADMN"'],
    ['a kernel', withRule({ excludes: { minKernel: 'new' } }), 'minKernel is "new"'],
    ['an architecture', { ...allow, architectures: ['SCMP_ARCH_Z80'] }, 'architectures[0] is "SCMP_ARCH_Z80"'],
    ['an errno that is none', withRule({ action: 'SCMP_ACT_ERRNO', errnoRet: 5000 }), 'errnoRet is 5000'],
    ['both names', withRule({ name: 'read' }), 'field syscalls[0].name'],
    ['both kinds of architectures', { ...allow, archMap: [], architectures: ['SCMP_ARCH_X86'] }, 'architectures is'],
    ['a notification', withRule({ action: 'SCMP_ACT_NOTIFY' }), 'field syscalls[0].action wants calls to be decided'],
    ['a listener', { ...allow, listenerPath: '/run/x' }, 'field listenerPath wants'],
    ['a list for an object', [], 'field (all) is []'],
  ])('%s', (_, profile, message) => {
    expect(() => parse(profile)).toThrow(message);
  });

  test('what is no JSON', () => {
    expect(() => parseProfile('p.json', '{')).toThrow('seccomp profile p.json is not JSON');
  });
});
