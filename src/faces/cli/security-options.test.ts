import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { securityOf } from './security-options.ts';

let cwd = '';
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'isopod-security-'));
  writeFileSync(join(cwd, 'p.json'), '{"defaultAction": "SCMP_ACT_ALLOW"}');
});
afterAll(() => rmSync(cwd, { recursive: true }));

test('nothing said is nothing asked', () => {
  expect(securityOf({ securityOpt: [] }, { cwd })).toBeUndefined();
});

test.each(['seccomp=unconfined', 'seccomp:unconfined'])('%s is a word', (text) => {
  expect(securityOf({ securityOpt: [text] }, { cwd })).toEqual({ seccomp: { kind: 'unconfined' } });
});

test('a profile is read where we stand, and sent with its path', () => {
  const name = join(cwd, 'p.json');
  expect(securityOf({ securityOpt: ['seccomp=unconfined', 'seccomp=p.json'] }, { cwd })).toEqual({
    seccomp: { kind: 'profile', name, content: '{"defaultAction": "SCMP_ACT_ALLOW"}' },
  });
});

test('a profile that is not there is told with its path', () => {
  expect(() => securityOf({ securityOpt: ['seccomp=none.json'] }, { cwd })).toThrow(
    /--security-opt seccomp .*none\.json: ENOENT/,
  );
});

test.each(['apparmour=x', 'seccomp', 'seccomp=', 'constructor=x'])('%s is refused', (text) => {
  expect(() => securityOf({ securityOpt: [text] }, { cwd })).toThrow('--security-opt');
});

test.each([
  ['no-new-privileges', true],
  ['no-new-privileges=true', true],
  ['no-new-privileges:false', false],
])('%s is a switch', (text, noNewPrivileges) => {
  expect(securityOf({ securityOpt: [text] }, { cwd })).toEqual({ noNewPrivileges });
});

test('parts of a label add up, beside a profile of AppArmor', () => {
  const securityOpt = ['label=type:web_t', 'apparmor=unconfined', 'label=level:s0:c1,c2', 'label:user:u'];
  expect(securityOf({ securityOpt }, { cwd })).toEqual({
    labels: { appArmor: 'unconfined', seLinux: { type: 'web_t', level: 's0:c1,c2', user: 'u' } },
  });
});

test('capabilities are lists, joined by commas or not', () => {
  const options = { capAdd: ['NET_ADMIN,SYS_TIME', 'KILL'], capDrop: ['ALL'], capAmbient: ['KILL'] };
  expect(securityOf(options, { cwd })).toEqual({
    capabilities: { add: ['NET_ADMIN', 'SYS_TIME', 'KILL'], drop: ['ALL'], ambient: ['KILL'] },
  });
});

test.each(['no-new-privileges=maybe', 'label=', 'label=colour:red', 'label=type:'])('%s is refused', (text) => {
  expect(() => securityOf({ securityOpt: [text] }, { cwd })).toThrow('--security-opt');
});
