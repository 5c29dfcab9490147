import { expect, test } from 'vitest';
import { capabilitySetOf, countCpus, parseProcessStatus } from './proc.ts';

test('status gives capability sets as bits', () => {
  const status = parseProcessStatus('Name:\tsh\nCapBnd:\t000001fffeffffff\nCapBad:\tzz\n');
  expect(status.get('Name')).toBe('sh');
  expect(capabilitySetOf(status, 'CapBnd')).toBe(0x1fffeffffffn);
  expect(capabilitySetOf(status, 'CapBad')).toBe(0n);
  expect(capabilitySetOf(status, 'CapEff')).toBe(0n);
});

test.each([
  ['0\n', 1],
  ['0-3\n', 4],
  ['0-1,4,6-7\n', 5],
  ['\n', 0],
])('the list %j holds %d CPUs', (list, count) => {
  expect(countCpus(list)).toBe(count);
});
