import { expect, test } from 'vitest';
import type { DiskQuota } from '../../model/disk-quota.ts';
import { changedQuota } from './live-limit.ts';

const MIB = 1 << 20;
const PROJECT: DiskQuota = { way: 'project', project: 7, limitBytes: 8 * MIB };
const COUNTED: DiskQuota = { way: 'accounting', counted: ['/c'], limitBytes: 8 * MIB, enforced: true };
const IMAGE: DiskQuota = { way: 'image', file: '/c/disk', limitBytes: 8 * MIB, counted: ['/c'] };

test.each([PROJECT, COUNTED])('a limit that $way keeps goes up, and down to what is in use', (quota) => {
  expect(changedQuota(quota, 16 * MIB, 9 * MIB)).toEqual({ ...quota, limitBytes: 16 * MIB });
  expect(changedQuota(quota, 5 * MIB, 5 * MIB)).toEqual({ ...quota, limitBytes: 5 * MIB });
  expect(() => changedQuota(quota, 4 * MIB, 5 * MIB)).toThrow('was to be 4 MiB, and 5 MiB are in use');
});

test('what was not counted yet is no obstacle', () => {
  expect(changedQuota(COUNTED, 4 * MIB, undefined)).toMatchObject({ limitBytes: 4 * MIB });
});

test('a limit that nobody keeps may be below what is in use', () => {
  expect(changedQuota({ ...COUNTED, enforced: false }, 4 * MIB, 5 * MIB)).toMatchObject({ limitBytes: 4 * MIB });
});

test('a file system that was made for the layer stays as large as it is', () => {
  expect(() => changedQuota(IMAGE, 16 * MIB, 0)).toThrow('on a file system of 8 MiB that was made for it');
  expect(changedQuota(IMAGE, 8 * MIB, 0)).toEqual(IMAGE);
});
