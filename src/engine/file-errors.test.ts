import { expect, test } from 'vitest';
import { copyErrors } from '../linux/tree-copy.ts';
import type { EngineError } from '../model/error.ts';
import { fileError } from './file-errors.ts';

const PLACE = { uid: 'aaaaaaaaaaaa', path: '/asked' };
const told = (errno: string, path = 'named'): EngineError =>
  fileError(copyErrors.refused({ path, errno, meaning: 'the meaning' }), PLACE) as EngineError;

test.each([
  ['ENOENT', 'files.missing', 'not-found'],
  ['ENOTDIR', 'files.notDirectory', 'invalid-argument'],
  ['EISDIR', 'files.isDirectory', 'invalid-argument'],
  ['EROFS', 'files.readOnly', 'failed-precondition'],
  ['EBUSY', 'files.mounted', 'failed-precondition'],
  ['EDQUOT', 'files.noSpace', 'resource-exhausted'],
  ['EPERM', 'files.notPermitted', 'permission-denied'],
  ['EBADMSG', 'files.badArchive', 'invalid-argument'],
  ['ESRCH', 'files.ended', 'unavailable'],
  ['EIO', 'files.failed', 'internal'],
])('%s of the helper is %s', (errno, code, kind) => {
  expect(told(errno)).toMatchObject({ code, kind });
});

test('what the helper names is told, and else what was asked for', () => {
  expect([told('ENOENT').details.path, told('ENOENT', '').details.path]).toEqual(['named', '/asked']);
});

test('an error of another kind stays', () => {
  const error = new Error('other');
  expect(fileError(error, PLACE)).toBe(error);
});
