import { expect, test } from 'vitest';
import { parseCgroupDriver } from './cgroup-driver.ts';

test('without a word the driver is cgroupfs, and that of systemd uses isopod.slice', () => {
  expect(parseCgroupDriver()).toEqual({ kind: 'cgroupfs' });
  expect(parseCgroupDriver('systemd')).toEqual({ kind: 'systemd', slice: 'isopod.slice' });
});

test.each(['machine-isopod.slice', 'a.slice', 'x_1:2.slice'])('%s is a slice', (slice) => {
  expect(parseCgroupDriver('systemd', slice)).toMatchObject({ slice });
});

test.each([
  'isopod',
  'isopod.scope',
  '-.slice',
  'a--b.slice',
  '-a.slice',
  'a-.slice',
  '../x.slice',
  'a/b.slice',
  '.slice',
])('%s is no slice to put scopes in', (slice) => {
  expect(() => parseCgroupDriver('systemd', slice)).toThrow('no name of a slice');
});

test('a slice means nothing to cgroupfs, and is not ignored', () => {
  expect(() => parseCgroupDriver('cgroupfs', 'isopod.slice')).toThrow('isopod.slice');
});
