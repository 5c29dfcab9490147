import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type DeviceRule, parseDeviceRule } from '../model/devices.ts';
import { type DeviceRequest, runDeviceProgram, unreachedInstructions } from './device-program.fixture.ts';
import { deviceProgram } from './device-program.ts';

const hex = (bytes: Uint8Array): readonly string[] =>
  Buffer.from(bytes).toString('hex').match(/.{16}/g)?.map(String) ?? [];

test('the bytes of a program are those of the kernel: load, compare, answer', () => {
  expect(hex(deviceProgram([parseDeviceRule('c 1:3 rw')]))).toEqual([
    '6112000000000000', // r2 = *(u32 *)(r1 + 0)
    'bc23000000000000', // w3 = w2
    '54020000ffff0000', // w2 &= 0xffff
    '7403000010000000', // w3 >>= 16
    '6114040000000000', // r4 = *(u32 *)(r1 + 4)
    '6115080000000000', // r5 = *(u32 *)(r1 + 8)
    '5502070002000000', // if r2 != 2 goto +7
    'bc36000000000000', // w6 = w3
    '5406000001000000', // w6 &= 1
    '5506040000000000', // if r6 != 0 goto +4
    '5504030001000000', // if r4 != 1 goto +3
    '5505020003000000', // if r5 != 3 goto +2
    'b700000001000000', // r0 = 1
    '9500000000000000', // exit
    'b700000000000000', // r0 = 0
    '9500000000000000', // exit
  ]);
});

test.each<[string, DeviceRequest, number]>([
  ['c 1:3 rwm', { kind: 'character', major: 1, minor: 3, access: 'rw' }, 1],
  ['c 1:3 rwm', { kind: 'character', major: 1, minor: 4, access: 'r' }, 0],
  ['c 1:3 rwm', { kind: 'block', major: 1, minor: 3, access: 'r' }, 0],
  ['c *:* m', { kind: 'character', major: 9, minor: 9, access: 'm' }, 1],
  ['c *:* m', { kind: 'character', major: 9, minor: 9, access: 'r' }, 0],
  ['b 8:* r', { kind: 'block', major: 8, minor: 16, access: 'r' }, 1],
  ['b 8:* r', { kind: 'block', major: 8, minor: 16, access: 'rw' }, 0],
  ['a *:* rwm', { kind: 'block', major: 8, minor: 16, access: 'rwm' }, 1],
])('the rule "%s" answers %j with %i', (rule, request, answer) => {
  expect(runDeviceProgram(deviceProgram([parseDeviceRule(rule)]), request)).toBe(answer);
});

test('no rule allows nothing', () => {
  expect(runDeviceProgram(deviceProgram([]), { kind: 'character', major: 1, minor: 3, access: 'r' })).toBe(0);
});

const number = (most: number) => fc.option(fc.integer({ min: 0, max: most }), { nil: undefined });
const access = fc.subarray(['r', 'w', 'm'], { minLength: 1 }).map((letters) => letters.join(''));
const rule: fc.Arbitrary<DeviceRule> = fc
  .record({ kind: fc.constantFrom('all', 'block', 'character'), major: number(3), minor: number(3), access })
  .map(({ major, minor, ...rest }) => ({
    ...(rest as Pick<DeviceRule, 'kind' | 'access'>),
    ...(major === undefined ? {} : { major }),
    ...(minor === undefined ? {} : { minor }),
  }));
const request = fc.record({
  kind: fc.constantFrom('block' as const, 'character' as const),
  major: fc.integer({ min: 0, max: 3 }),
  minor: fc.integer({ min: 0, max: 3 }),
  access,
});

test('a program allows exactly what one of its rules allows', () => {
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 20 }), request, (rules, asked) => {
      const allowed = rules.some(
        ({ kind, major = asked.major, minor = asked.minor, access }) =>
          (kind === 'all' || kind === asked.kind) &&
          major === asked.major &&
          minor === asked.minor &&
          [...asked.access].every((letter) => access.includes(letter)),
      );
      expect(runDeviceProgram(deviceProgram(rules), asked)).toBe(allowed ? 1 : 0);
    }),
  );
});

test('no instruction is there in vain, also behind a rule that allows everything', () => {
  const everything = parseDeviceRule('a *:* rwm');
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 5 }), fc.array(rule, { maxLength: 5 }), (before, behind) => {
      expect(unreachedInstructions(deviceProgram([...before, ...behind]))).toEqual([]);
      expect(unreachedInstructions(deviceProgram([...before, everything, ...behind]))).toEqual([]);
    }),
  );
});
