import { expect, test } from 'vitest';
import { checkDeviceRules, formatDeviceRule, parseDeviceRule, parseDevices } from './devices.ts';

test.each(['c 10:200 rwm', 'b *:* m', 'c 136:* rw', 'a *:* rwm'])('the rule "%s" is read and written', (text) => {
  expect(formatDeviceRule(parseDeviceRule(text))).toBe(text);
});

test.each(['', 'c', 'x 1:3 r', 'c 1:3', 'c 1:3 x', 'c 1:3 rr', 'c 4096:0 r', 'c 1:1048576 r', 'a 1:* rwm', 'a *:* r'])(
  'the rule "%s" is refused',
  (rule) => {
    expect(() => parseDeviceRule(rule)).toThrow('is not of the form');
  },
);

test('a path that two devices want, an unknown access and too many rules are refused', () => {
  const device = { hostPath: '/dev/fuse', containerPath: '/dev/x', access: 'rwm' };
  expect(() => parseDevices([device, { ...device, hostPath: '/dev/kvm' }])).toThrow('/dev/fuse and /dev/kvm');
  expect(() => parseDevices([{ ...device, access: 'rx' }])).toThrow('"rx"');
  expect(() => checkDeviceRules(new Array(257).fill('c 1:3 r'))).toThrow('257 device rules');
});
