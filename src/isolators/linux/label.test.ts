import { expect, test } from 'vitest';
import type { LabelRequest } from '../../model/security-label.ts';
import { HOST, planInput } from '../isolator.fixture.ts';
import { label } from './label.ts';

const planned = (labels: LabelRequest, labelAttributes: { appArmor?: string; seLinux?: string } = {}) =>
  label().plan(planInput({ security: { labels } }, { host: { ...HOST, labelAttributes } }));

const APPARMOR = { appArmor: 'apparmor/exec' };
const SELINUX = { seLinux: 'exec' };

test('a profile of AppArmor is asked for as the one after exec', () => {
  expect(planned({ appArmor: 'web' }, APPARMOR)).toEqual({
    execLabel: { attribute: 'apparmor/exec', label: 'exec web' },
  });
});

test('a context of SELinux has the parts that were given, and ordinary ones', () => {
  expect(planned({ seLinux: { type: 'web_t', level: 's0:c1,c2' } }, SELINUX)).toEqual({
    execLabel: { attribute: 'exec', label: 'system_u:system_r:web_t:s0:c1,c2' },
  });
  expect(planned({ seLinux: { user: 'u', role: 'r' } }, SELINUX)).toEqual({
    execLabel: { attribute: 'exec', label: 'u:r:container_t:s0' },
  });
});

test('a label that no module of this kernel could enforce is refused', () => {
  expect(() => planned({ appArmor: 'web' }, SELINUX)).toThrow('apparmor is not active in this kernel');
  expect(() => planned({ seLinux: { type: 'web_t' } }, APPARMOR)).toThrow('selinux is not active in this kernel');
});

test('two modules cannot both label a process', () => {
  expect(() => planned({ appArmor: 'web', seLinux: { type: 'web_t' } }, { ...APPARMOR, ...SELINUX })).toThrow('both');
});

test('who wants none gets none, and leaves what confines the agent', () => {
  expect(planned({ appArmor: 'unconfined', seLinux: 'disable' })).toEqual({});
  expect(planned({ appArmor: 'unconfined' }, APPARMOR).execLabel?.label).toBe('exec unconfined');
});

test.each([
  [{ appArmor: '' }, 'AppArmor profile "" is not a name'],
  [{ appArmor: 'a\nb' }, 'is not a name'],
  [{ seLinux: {} }, 'without any part'],
  [{ seLinux: { type: 'a b' } }, 'SELinux type "a b"'],
  [{ seLinux: { role: 'a:b' } }, 'SELinux role "a:b"'],
])('%j is refused: %s', (labels, message) => {
  expect(() => planned(labels, { ...APPARMOR, ...SELINUX })).toThrow(message);
});
