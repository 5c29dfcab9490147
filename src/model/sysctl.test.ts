import { expect, test } from 'vitest';
import { checkSysctls, sysctlPath } from './sysctl.ts';

test.each(['net.ipv4.ip_forward', 'kernel.shm_rmid_forced', 'net.ipv4.conf.eth0/100.forwarding'])(
  '%s is a name',
  (name) => {
    expect(() => checkSysctls({ [name]: '1' })).not.toThrow();
  },
);

test.each([
  ...['net', '', 'net..ip', '.net.x', 'net/../kernel.x', 'net.ipv4.+x', 'kernel.shm_rmid_forced=1+net.x', 'net.a b'],
  ...['../x.y', 'net.ipv4./x', 'net.\0.x'],
])('%j is none', (name) => {
  expect(() => checkSysctls({ [name]: '1' })).toThrow('is not words');
});

test('a value is bounded and holds no NUL', () => {
  expect(() => checkSysctls({ 'net.x': 'a\0b' })).toThrow('NUL');
  expect(() => checkSysctls({ 'net.x': 'a'.repeat(5000) })).toThrow('5000 bytes');
  expect(() => checkSysctls({ 'net.x': '1\nkernel.core_pattern=x' })).toThrow('not one line');
  expect(() => checkSysctls({ 'net.x': '4096\t87380 6291456' })).not.toThrow();
});

test('a slash in a name is a dot in the path, as sysctl(8) has it', () => {
  expect(sysctlPath('net.ipv4.conf.eth0/100.forwarding')).toBe('net/ipv4/conf/eth0.100/forwarding');
});
