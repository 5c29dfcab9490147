import { expect, test } from 'vitest';
import { completeConfig } from './container-request.ts';
import { parseRestartPolicy, restartPolicyText } from './restart-policy.ts';

test.each(['no', 'always', 'unless-stopped', 'on-failure', 'on-failure:3'])('%s is read and written', (text) => {
  expect(restartPolicyText(parseRestartPolicy(text))).toBe(text);
});

test('a maximum of 0 is none', () => {
  expect(parseRestartPolicy('on-failure:0')).toEqual({ kind: 'on-failure' });
});

test.each(['', 'never', 'always:3', 'on-failure:', 'on-failure:x', 'on-failure:-1', ' no'])(
  '%j is no policy',
  (text) => {
    expect(() => parseRestartPolicy(text)).toThrowError(expect.objectContaining({ code: 'restart-policy.malformed' }));
  },
);

const REQUEST = { rootfs: { kind: 'none' }, command: ['true'] } as const;

test('a config has no field for the policy no', () => {
  expect(completeConfig({ ...REQUEST, restart: { kind: 'no' } })).not.toHaveProperty('restart');
  expect(completeConfig({ ...REQUEST, restart: { kind: 'always' } }).restart).toEqual({ kind: 'always' });
});

test('what goes with its end, or needs a secret, is not started again', () => {
  const restart = { kind: 'always' } as const;
  expect(() => completeConfig({ ...REQUEST, restart, autoRemove: true })).toThrowError(
    expect.objectContaining({ code: 'restart-policy.removedWithEnd' }),
  );
  const secretVariables = [{ variable: 'A', secret: 'token' }];
  expect(() => completeConfig({ ...REQUEST, restart, secretVariables })).toThrowError(
    expect.objectContaining({ code: 'restart-policy.secrets', details: { policy: 'always', secret: 'token' } }),
  );
});

test.each([0, -1, 1.5])('%d restarts are no maximum', (maximum) => {
  expect(() => completeConfig({ ...REQUEST, restart: { kind: 'on-failure', maximum } })).toThrow('at least 1');
});

test('what lives in another container is not started again', () => {
  expect(() => completeConfig({ ...REQUEST, parent: 'web', restart: { kind: 'always' } })).toThrowError(
    expect.objectContaining({ code: 'restart-policy.nested', details: { policy: 'always', parent: 'web' } }),
  );
});
