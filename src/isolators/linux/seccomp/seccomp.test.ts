import { expect, test } from 'vitest';
import { describeFilter } from '../../../linux/seccomp/describe-filter.ts';
import { SYSCALL_NUMBERS } from '../../../linux/seccomp/gen/syscall-numbers.ts';
import type { SeccompChoice } from '../../../model/security-config.ts';
import { HOST, planInput } from '../../isolator.fixture.ts';
import type { PlanInput } from '../../isolator.ts';
import { ALLOWED_GROUPS } from './allowed-groups.ts';
import { defaultProfile } from './default-profile.ts';
import { GUARDED_GROUPS, REFUSED_GROUPS } from './guarded-groups.ts';
import { seccomp } from './seccomp.ts';

const CONFINED = { isolators: ['linux/capabilities', 'linux/nnp', 'linux/seccomp'] };
const LOCKED: SeccompChoice = {
  ...{ kind: 'profile', name: '/p.json' },
  content:
    '{"defaultAction": "SCMP_ACT_KILL_PROCESS", "syscalls": [{"names": ["execve"], "action": "SCMP_ACT_ALLOW"}]}',
};

function planWith(choice: SeccompChoice | undefined, fields: Partial<PlanInput> = {}, agent?: SeccompChoice) {
  const security = choice === undefined ? {} : { seccomp: choice };
  return seccomp(agent).plan(planInput({ security }, { ...CONFINED, ...fields })).seccomp;
}

function outcomes(capabilities: readonly string[] | undefined): Readonly<Record<string, string>> {
  const fields =
    capabilities === undefined ? {} : { isolators: [], host: { ...HOST, availableCapabilities: capabilities } };
  const rules = describeFilter(planWith(undefined, fields)?.program ?? '', 'x86_64');
  return Object.fromEntries(rules.flatMap(({ outcome, calls }) => calls.map((call) => [call, outcome])));
}

test('a container that asks for nothing has our profile', () => {
  expect(planWith(undefined)).toMatchObject({ profile: 'builtin', architectures: ['x86_64', 'x86'], flags: 4 });
});

test('the default profile decides every call of every architecture, and names none that is not there', () => {
  const known = new Set(Object.values(SYSCALL_NUMBERS).flatMap((table) => Object.keys(table)));
  const named = new Set(defaultProfile().rules.flatMap(({ names }) => names));
  expect([...known].filter((name) => !named.has(name))).toEqual([]);
  expect([...named].filter((name) => !known.has(name))).toEqual([]);
});

test('no call stands in two groups', () => {
  const calls = [...ALLOWED_GROUPS, ...GUARDED_GROUPS, ...REFUSED_GROUPS].flatMap((group) => group.calls);
  expect(calls.filter((name, index) => calls.indexOf(name) !== index)).toEqual([]);
});

test('a container with the usual capabilities gets no part of the kernel that attacks come through', () => {
  const outcome = outcomes(undefined);
  for (const name of ['io_uring_setup', 'clone3']) expect(outcome[name], name).toBe('ENOSYS');
  for (const name of ['mount', 'setns', 'bpf', 'perf_event_open', 'userfaultfd', 'keyctl', 'open_by_handle_at']) {
    expect(outcome[name], name).toBe('EPERM');
  }
  expect(outcome.clone).toBe('allow if argument 0 & 0x7e020000 is 0x0, else EPERM');
  expect(outcome.unshare).toBe('allow if argument 0 & 0x7e020080 is 0x0, else EPERM');
  for (const name of ['read', 'execve', 'futex', 'ptrace', 'statx', 'uretprobe']) expect(outcome[name]).toBe('allow');
});

test('families of sockets are opened by name, and none that a 64-bit value could smuggle in', () => {
  const outcome = outcomes(undefined).socket ?? '';
  const families = [...outcome.matchAll(/allow if argument 0 is (0x[0-9a-f]+)/g)].map(([, family]) => Number(family));
  expect(families).toEqual([1, 2, 10, 16]);
  expect(outcome).toMatch(/, else EAFNOSUPPORT$/);
});

test('what a capability is for is allowed with it', () => {
  const admin = outcomes(['SYS_ADMIN']);
  for (const name of ['mount', 'setns', 'clone', 'clone3', 'unshare', 'bpf']) expect(admin[name], name).toBe('allow');
  expect(outcomes(['SYS_TIME']).clock_settime).toBe('allow');
  expect(admin.io_uring_setup).toBe('ENOSYS');
  expect(outcomes(['NET_RAW']).socket).toContain('0x11');
});

test('unconfined has no filter', () => {
  expect(planWith({ kind: 'unconfined' })).toBeUndefined();
  expect(planWith(undefined, {}, { kind: 'unconfined' })).toBeUndefined();
});

test('a profile of its own wins over the one of the agent, and so does the built-in one', () => {
  expect(planWith(undefined, {}, LOCKED)?.profile).toBe('/p.json');
  expect(planWith({ kind: 'builtin' }, {}, LOCKED)?.profile).toBe('builtin');
  expect(planWith(LOCKED, {}, { kind: 'unconfined' })?.profile).toBe('/p.json');
});

test('a profile that is none is refused, the one of an agent when it starts', () => {
  const bad: SeccompChoice = { kind: 'profile', name: '/bad.json', content: '{}' };
  expect(() => planWith(bad)).toThrow('seccomp profile /bad.json: field defaultAction is missing');
  expect(() => seccomp(bad)).toThrow('/bad.json');
});

test('a profile under which nothing starts is refused with the call that is missing', () => {
  const content = '{"defaultAction": "SCMP_ACT_ERRNO"}';
  const empty: SeccompChoice = { kind: 'profile', name: '/empty.json', content };
  expect(() => planWith(empty)).toThrow('/empty.json answers execve with EPERM, and no container starts without');
  expect(() => planWith(LOCKED, { isolators: [] })).toThrow('answers prctl with ENOSYS');
  const input = planInput({ security: { seccomp: LOCKED }, init: true }, CONFINED);
  expect(() => seccomp().plan(input)).toThrow('answers prctl with ENOSYS');
});

test('a kernel without filters is refused, unless none is wanted', () => {
  const host = { ...HOST, hasSeccomp: false };
  expect(() => planWith(undefined, { host })).toThrow('has no seccomp filters');
  expect(planWith({ kind: 'unconfined' }, { host })).toBeUndefined();
});

test('a filter is compiled once for one profile and one set of capabilities', () => {
  const isolator = seccomp();
  const program = (fields: Partial<PlanInput>) => isolator.plan(planInput({}, fields)).seccomp;
  const first = program(CONFINED);
  expect(program(CONFINED)).toEqual(first);
  expect(program({ isolators: [] })?.digest).not.toBe(first?.digest);
});
