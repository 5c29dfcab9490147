import { expect, test } from 'vitest';
import { readMedia } from './media-types.ts';

const JSON_TYPE = 'application/json';
const RECORDS = 'application/recordio';

test.each([
  [{ 'content-type': JSON_TYPE }, { request: 'call', takesJson: true, takesRecords: false }],
  [
    { 'content-type': `${JSON_TYPE}; charset=utf-8`, accept: '*/*' },
    { request: 'call', takesJson: true },
  ],
  [
    { 'content-type': JSON_TYPE, accept: RECORDS, 'message-accept': JSON_TYPE },
    { takesJson: false, takesRecords: true },
  ],
  [{ 'content-type': RECORDS, 'message-content-type': JSON_TYPE }, { request: 'stream' }],
  [{}, { status: 400 }],
  [{ 'content-type': RECORDS }, { status: 400 }],
  [{ 'content-type': 'application/x-protobuf' }, { status: 415 }],
  [{ 'content-type': 'text/plain' }, { status: 415 }],
  [{ 'content-type': RECORDS, 'message-content-type': 'application/x-protobuf' }, { status: 415 }],
  [{ 'content-type': JSON_TYPE, 'message-content-type': JSON_TYPE }, { status: 415 }],
  [{ 'content-type': JSON_TYPE, accept: 'text/html' }, { status: 406 }],
  [{ 'content-type': JSON_TYPE, accept: RECORDS, 'message-accept': 'text/html' }, { status: 406 }],
  [{ 'content-type': JSON_TYPE, 'message-accept': JSON_TYPE }, { status: 406 }],
  [{ 'content-type': JSON_TYPE, accept: JSON_TYPE, 'message-accept': JSON_TYPE }, { status: 406 }],
  [
    { 'content-type': JSON_TYPE, accept: `${JSON_TYPE}, ${RECORDS}`, 'message-accept': JSON_TYPE },
    { takesJson: true, takesRecords: true, saysOfRecords: true },
  ],
])('%j means %j', (headers, expected) => {
  expect(readMedia(headers)).toMatchObject(expected);
});
