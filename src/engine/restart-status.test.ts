import { expect, test } from 'vitest';
import { completeConfig } from '../model/container-request.ts';
import { checkStartable, isStartable } from './restart-status.ts';

const SECRET = { kind: 'secret', secret: 'key', containerPath: '/key', mode: 0o400 } as const;

test.each([
  [{ autoRemove: true }, 'removed with its end'],
  [{ parent: 'web' }, 'it lives in web'],
  [{ volumes: [SECRET] }, 'its secret key'],
  [{ secretVariables: [{ variable: 'KEY', secret: 'key' }] }, 'its secret key'],
] as const)('one with %j has one life', (changes, why) => {
  const container = {
    uid: 'aaaabbbbcccc',
    config: completeConfig({ rootfs: { kind: 'none' }, command: ['true'], ...changes } as never),
  } as never;
  expect(isStartable(container)).toBe(false);
  expect(() => checkStartable(container)).toThrow(why);
});

test('any other may be started again', () => {
  const container = {
    uid: 'aaaabbbbcccc',
    config: completeConfig({ rootfs: { kind: 'none' }, command: ['true'] } as never),
  } as never;
  expect(isStartable(container)).toBe(true);
  checkStartable(container);
});
