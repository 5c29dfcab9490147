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

const FETCHED = { ...PLACE, uri: 'https://example.org/app.tar' };

test('an archive that was fetched and is none is told by its address, with what to do', () => {
  const error = fileError(copyErrors.refused({ path: 'bin/x', errno: 'EBADMSG', meaning: 'bad' }), FETCHED);
  expect(error).toMatchObject({ code: 'fetcher.badArchive', kind: 'data-loss' });
  expect((error as EngineError).message).toBe(
    'https://example.org/app.tar is no tar archive, or a damaged one, from bin/x on: bad',
  );
  expect((error as EngineError).remedy).toContain('extract=no');
});

test.each([
  [FETCHED, 'https://example.org/app.tar: there is no /asked in container aaaaaaaaaaaa'],
  [{ ...PLACE, uri: 'image:a#/asked', image: 'a' }, 'image:a#/asked: there is no /asked in image a'],
  [PLACE, 'there is no /asked in container aaaaaaaaaaaa'],
])('a path is told where it is: %j', (place, message) => {
  const error = fileError(copyErrors.refused({ path: '', errno: 'ENOENT', meaning: '' }), place);
  expect(error).toMatchObject({ code: 'files.missing', message });
});

test('an error of another kind stays', () => {
  const error = new Error('other');
  expect(fileError(error, PLACE)).toBe(error);
});
