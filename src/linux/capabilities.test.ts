import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  CAPABILITY_NAMES,
  capabilityMask,
  capabilityNames,
  capabilityNumber,
  DEFAULT_CAPABILITIES,
} from './capabilities.ts';

test('numbers are those of linux/capability.h', () => {
  expect(capabilityNumber('CHOWN')).toBe(0);
  expect(capabilityNumber('cap_sys_admin')).toBe(21);
  expect(capabilityNumber('CHECKPOINT_RESTORE')).toBe(40);
  expect(capabilityNumber('NOPE')).toBeUndefined();
});

test('the nine defaults are the mask that their containers show in CapBnd', () => {
  expect(capabilityMask(DEFAULT_CAPABILITIES)).toBe(0x5fbn);
});

test('masks and names are each other in reverse', () => {
  fc.assert(
    fc.property(fc.subarray([...CAPABILITY_NAMES]), (names) => {
      expect(capabilityNames(capabilityMask(names))).toEqual(names);
    }),
  );
});

test('an unknown name has no mask', () => {
  expect(() => capabilityMask(['NOPE'])).toThrow('NOPE');
});
