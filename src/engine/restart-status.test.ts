import { expect, test } from 'vitest';
import { config } from './golden.fixture.ts';
import { checkStartable, isStartable } from './restart-status.ts';

const SECRET = { kind: 'secret', secret: 'key', containerPath: '/key', mode: 0o400 } as const;

test.each([
  [{ autoRemove: true }, 'removed with its end'],
  [{ parent: 'web' }, 'it lives in web'],
  [{ volumes: [SECRET] }, 'its secret key'],
  [{ secretVariables: [{ name: 'KEY', secret: 'key' }] }, 'its secret key'],
] as const)('one with %j has one life', (changes, why) => {
  const container = { uid: 'aaaabbbbcccc', config: config(changes as object) } as never;
  expect(isStartable(container)).toBe(false);
  expect(() => checkStartable(container)).toThrow(why);
});

test('any other may be started again', () => {
  const container = { uid: 'aaaabbbbcccc', config: config() } as never;
  expect(isStartable(container)).toBe(true);
  checkStartable(container);
});
