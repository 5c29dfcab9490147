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
  expect(securityOf([], { cwd })).toBeUndefined();
});

test.each(['seccomp=unconfined', 'seccomp:unconfined'])('%s is a word', (text) => {
  expect(securityOf([text], { cwd })).toEqual({ seccomp: { kind: 'unconfined' } });
});

test('a profile is read where we stand, and sent with its path', () => {
  const name = join(cwd, 'p.json');
  expect(securityOf(['seccomp=unconfined', 'seccomp=p.json'], { cwd })).toEqual({
    seccomp: { kind: 'profile', name, content: '{"defaultAction": "SCMP_ACT_ALLOW"}' },
  });
});

test('a profile that is not there is told with its path', () => {
  expect(() => securityOf(['seccomp=none.json'], { cwd })).toThrow(/--security-opt seccomp .*none\.json: ENOENT/);
});

test.each(['apparmour=x', 'seccomp', 'seccomp=', 'constructor=x'])('%s is refused', (text) => {
  expect(() => securityOf([text], { cwd })).toThrow('--security-opt');
});
