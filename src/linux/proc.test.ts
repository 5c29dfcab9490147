import fc from 'fast-check';
import { expect, test } from 'vitest';
import { capabilitySetOf, countCpus, parseProcessStat, parseProcessStatus } from './proc.ts';

const AFTER = `S 7 7 7 0 -1 4194560 ${Array(12).fill('1').join(' ')} 18446744073709551615 99`;

test('the start time is field 22, as a number beyond what a double holds', () => {
  expect(parseProcessStat(`42 (sh) ${AFTER}`)).toEqual({
    pid: 42,
    command: 'sh',
    state: 'S',
    parentPid: 7,
    startTime: 18446744073709551615n,
  });
});

test('a process cannot fake its fields by its name', () => {
  fc.assert(
    fc.property(fc.string(), (command) => {
      const stat = parseProcessStat(`42 (${command}) ${AFTER}`);
      expect(stat?.command).toBe(command);
      expect(stat?.startTime).toBe(18446744073709551615n);
    }),
  );
});

test.each(['', '42', '42 (sh', '42 (sh) S 1', 'x (sh) S'])('%j is no stat', (text) => {
  expect(parseProcessStat(text)).toBeUndefined();
});

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
