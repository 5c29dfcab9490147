import { expect, test } from 'vitest';
import { EngineError, ERROR_KINDS } from '../../model/error.ts';
import { errorAnswer } from './status.ts';

const errorOfKind = (kind: (typeof ERROR_KINDS)[number]): EngineError =>
  new EngineError({ kind, code: 'test.error', message: 'it failed', remedy: 'mend it', details: { what: 'it' } });

test('every kind has a status of an error', () => {
  for (const kind of ERROR_KINDS) expect(errorAnswer(errorOfKind(kind)).status).toBeGreaterThanOrEqual(400);
});

test('the body says code, kind, message, remedy and details', () => {
  expect(errorAnswer(errorOfKind('not-found'))).toEqual({
    status: 404,
    body: { code: 'test.error', kind: 'not-found', message: 'it failed', remedy: 'mend it', details: { what: 'it' } },
  });
});

test('an error that is not ours is internal', () => {
  expect(errorAnswer(new Error('boom'))).toMatchObject({ status: 500, body: { kind: 'internal', message: 'boom' } });
});
