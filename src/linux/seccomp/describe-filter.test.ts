import { expect, test } from 'vitest';
import { describeFilter } from './describe-filter.ts';
import { buildFilter } from './filter.ts';
import { parseProfile } from './parse-profile.ts';

function rulesOf(profile: object): Readonly<Record<string, string>> {
  const facts = { capabilities: [], architecture: 'x86_64', kernel: { major: 6, minor: 1 } } as const;
  const parsed = parseProfile('p', JSON.stringify(profile));
  const { program } = buildFilter(parsed, facts, { profile: 'p', newerCalls: 'default' });
  const rules = describeFilter(program, 'x86_64');
  return Object.fromEntries(rules.flatMap(({ outcome, calls }) => calls.map((call) => [call, outcome])));
}

const allow = (name: string, op: string, ...[index, value, valueTwo = 0]: number[]) => ({
  ...{ names: [name], action: 'SCMP_ACT_ALLOW' },
  args: [{ index, value, valueTwo, op: `SCMP_CMP_${op}` }],
});

test('a filter is told as people would say it', () => {
  const rules = rulesOf({
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [
      { names: ['read'], action: 'SCMP_ACT_ALLOW' },
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
      { names: ['kexec_load'], action: 'SCMP_ACT_KILL_PROCESS' },
      allow('personality', 'EQ', 0, 0),
      allow('personality', 'EQ', 0, 8),
      allow('clone', 'MASKED_EQ', 0, 0x7e020000),
      allow('socket', 'NE', 0, 40),
    ],
  });
  expect(rules).toMatchObject({
    read: 'allow',
    write: 'EPERM',
    clone3: 'ENOSYS',
    kexec_load: 'kill the process',
    personality: 'allow if argument 0 is 0x0, allow if argument 0 is 0x8, else EPERM',
    clone: 'allow if argument 0 & 0x7e020000 is 0x0, else EPERM',
    socket: 'EPERM if argument 0 is 0x28, else allow',
  });
});
