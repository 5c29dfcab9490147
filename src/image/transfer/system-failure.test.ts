import { expect, test } from 'vitest';
import { EngineError } from '../../model/error.ts';
import { asSystemFailure } from './system-failure.ts';

test.each([
  ['ENOSPC', 'resource-exhausted'],
  ['EDQUOT', 'resource-exhausted'],
  ['EACCES', 'permission-denied'],
  ['EROFS', 'permission-denied'],
  ['EIO', 'internal'],
])('%s of a copy is %s, and names what it was about', (code, kind) => {
  const error = Object.assign(new Error(code), { code });
  const failure = asSystemFailure(error, 'the copy to oci:/x');
  expect(failure).toMatchObject({ kind, message: expect.stringContaining('the copy to oci:/x'), cause: error });
});

test('what says already what it is stays as it is', () => {
  const ours = new EngineError({ kind: 'not-found', code: 'x.y', message: 'z' });
  expect(asSystemFailure(ours, 'a copy')).toBe(ours);
  expect(asSystemFailure('enough', 'a copy')).toBe('enough');
});
