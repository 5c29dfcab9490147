import { expect, test } from 'vitest';
import { changedDevices, isNoDeviceChange } from './device-changes.ts';

const device = (containerPath: string, access = 'rwm') => ({ hostPath: '/dev/fuse', containerPath, access });
const ASKED = { devices: [device('/dev/a'), device('/dev/b')], deviceRules: ['c 1:11 r', 'b 8:* r'] };

test('devices and rules come and go, and the difference says which', () => {
  const { after, difference } = changedDevices(ASKED, {
    ...{ add: [device('/dev/c')], remove: ['/dev/a'] },
    ...{ addRules: ['c 10:200 rw'], removeRules: ['b 8:* r'] },
  });
  expect(after).toEqual({ devices: [device('/dev/b'), device('/dev/c')], deviceRules: ['c 1:11 r', 'c 10:200 rw'] });
  expect(difference).toEqual({
    ...{ added: [device('/dev/c')], removed: [device('/dev/a')] },
    ...{ addedRules: ['c 10:200 rw'], removedRules: ['b 8:* r'] },
  });
});

test('a device is given anew with other access by one change', () => {
  const { after } = changedDevices(ASKED, { remove: ['/dev/a'], add: [device('/dev/a', 'r')] });
  expect(after.devices).toEqual([device('/dev/b'), device('/dev/a', 'r')]);
});

test('a rule that is there already is not there twice', () => {
  const { after, difference } = changedDevices(ASKED, { addRules: ['c 1:11 r', 'c 1:5 r', 'c 1:5 r'] });
  expect(after.deviceRules).toEqual(['c 1:11 r', 'b 8:* r', 'c 1:5 r']);
  expect(difference.addedRules).toEqual(['c 1:5 r']);
});

test.each([
  [{ remove: ['/dev/fuse'] }, 'no device at /dev/fuse; it was given /dev/a, /dev/b'],
  [{ removeRules: ['c 1:3 rwm'] }, 'no device rule "c 1:3 rwm"; it was given c 1:11 r, b 8:* r'],
  [{ add: [device('/dev/a')] }, 'both to be seen at /dev/a'],
  [{ add: [device('dev/a')] }, 'is not an absolute path'],
  [{ addRules: ['x'] }, 'is not of the form'],
])('%j is refused', (changes, message) => {
  expect(() => changedDevices(ASKED, changes)).toThrow(message);
});

test('empty lists change nothing', () => {
  expect([isNoDeviceChange({}), isNoDeviceChange({ add: [], remove: [] })]).toEqual([true, true]);
  expect(isNoDeviceChange({ removeRules: ['c 1:3 r'] })).toBe(false);
});
