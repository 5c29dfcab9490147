import { expect, test } from 'vitest';
import type { Random } from '../base/effects.ts';
import { parseContainerName, parseContainerUid } from '../model/container-id.ts';
import { generateName, generateUid, matchPrefix } from './names.ts';

/** Gives 0, 1, 2 … as bytes. */
function countingRandom(): Random {
  let next = 0;
  return { bytes: (count) => Uint8Array.from({ length: count }, () => next++) };
}

const A = parseContainerUid('aabbccddeeff');
const B = parseContainerUid('aabb00112233');

test('a generated name is a legal name of two words', () => {
  const name = generateName(countingRandom(), () => false);
  expect(name).toMatch(/^[a-z]+_[a-z]+$/);
  expect(parseContainerName(name)).toBe(name);
});

test('a generated name that is taken is passed over', () => {
  const first = generateName(countingRandom(), () => false);
  expect(generateName(countingRandom(), (name) => name === first)).not.toBe(first);
});

test('without any free name the error says how often was tried', () => {
  expect(() => generateName(countingRandom(), () => true)).toThrow('no unused name found in 64 attempts');
});

test('a generated uid is unused', () => {
  expect(generateUid(countingRandom(), (uid) => uid === '000102030405')).toBe('060708090a0b');
});

test('a prefix of one uid finds it, one of two is refused by naming both', () => {
  expect(matchPrefix([A, B], 'aabbc')).toBe(A);
  expect(matchPrefix([A, B], 'ff')).toBeUndefined();
  expect(() => matchPrefix([A, B], 'aabb')).toThrow('begins the uid of 2 containers: aabbccddeeff, aabb00112233');
});

test('what is no hexadecimal text is a prefix of nothing', () => {
  expect(matchPrefix([A, B], '')).toBeUndefined();
  expect(matchPrefix([A, B], 'AABB')).toBeUndefined();
});
