import { expect, test } from 'vitest';
import { buildFilter } from '../linux/seccomp/filter.ts';
import { parseProfile } from '../linux/seccomp/parse-profile.ts';
import type { LaunchPlan, SeccompPlan } from '../model/launch-plan.ts';
import { sessionAppearance } from './session-appearance.ts';

type Facts = Parameters<typeof sessionAppearance>[0];

/** Everything is allowed but these rules of a profile. */
function filter(...syscalls: readonly object[]): SeccompPlan {
  const content = JSON.stringify({
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ['SCMP_ARCH_X86_64'],
    syscalls: syscalls.map((rule) => ({ action: 'SCMP_ACT_ERRNO', ...rule })),
  });
  const facts = { capabilities: [], architecture: 'x86_64', kernel: { major: 6, minor: 1 } } as const;
  const built = buildFilter(parseProfile('test', content), facts, { profile: 'test', newerCalls: 'enosys' });
  return { profile: 'test', ...built };
}

const named = (kind: 'pid' | 'mount') => ({ kind, by: 'test' });

function facts(changes: Partial<Facts> = {}): Facts {
  const tracking = { path: '/group', version: 2, levels: 1 } as unknown as LaunchPlan['tracking'];
  return { tracking, namespaces: [named('mount'), named('pid')], ...changes } as Facts;
}

const owned = (seccomp: SeccompPlan) => ({ seccomp: { ...seccomp, by: 'linux/seccomp' } });

test('a session that enters no pid namespace is a process like any other', () => {
  expect(sessionAppearance(facts({ namespaces: [named('mount')] } as Partial<Facts>))).toEqual({ kind: 'never' });
});

test('in a user namespace it is seen at once, for host steps need its pid', () => {
  const userNamespace = { by: 'namespaces/user' } as unknown as LaunchPlan['userNamespace'];
  expect(sessionAppearance({ ...facts(), ...(userNamespace !== undefined && { userNamespace }) })).toEqual({
    kind: 'mapped',
  });
});

test('without a filter, or with one that lets it fork, it is seen when it is confined', () => {
  expect(sessionAppearance(facts())).toEqual({ kind: 'confined' });
  expect(sessionAppearance(facts(owned(filter({ names: ['mount'] }))))).toEqual({ kind: 'confined' });
});

test.each(['clone', 'setsid', 'read', 'close', 'sendmsg'])(
  'with a filter that refuses %s it is seen before the filter is there, and the call is named',
  (call) => {
    const { kind, ...rest } = sessionAppearance(facts(owned(filter({ names: [call], errnoRet: 1 }))));
    expect({ kind, ...rest }).toEqual({
      kind: 'unconfined',
      refused: { call, action: expect.stringMatching(/errno|EPERM/i) },
    });
  },
);

test('a filter that refuses new namespaces alone lets it fork', () => {
  const CLONE_NEWUSER = 0x1000_0000;
  const arguments_ = [{ index: 0, value: CLONE_NEWUSER, valueTwo: CLONE_NEWUSER, op: 'SCMP_CMP_MASKED_EQ' }];
  expect(sessionAppearance(facts(owned(filter({ names: ['clone'], args: arguments_ }))))).toEqual({ kind: 'confined' });
});

test('a filter that knows the flags of its fork, and refuses it, does not', () => {
  const CLONE_PARENT = 0x8000;
  const arguments_ = [{ index: 0, value: CLONE_PARENT, valueTwo: CLONE_PARENT, op: 'SCMP_CMP_MASKED_EQ' }];
  expect(sessionAppearance(facts(owned(filter({ names: ['clone'], args: arguments_ }))))).toMatchObject({
    kind: 'unconfined',
    refused: { call: 'clone' },
  });
});
