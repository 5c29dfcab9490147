import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeRecord, RecordParser } from './record-io.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

test('records come out as they went in, wherever the stream is cut', () => {
  const chunked = fc.tuple(
    fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
    fc.integer({ min: 1, max: 9 }),
  );
  fc.assert(
    fc.property(chunked, ([records, size]) => {
      const stream = Buffer.concat(records.map(encodeRecord));
      const parser = new RecordParser();
      const found: Uint8Array[] = [];
      for (let at = 0; at < stream.length; at += size) found.push(...parser.push(stream.subarray(at, at + size)));
      parser.end();
      expect(found.map((one) => [...one])).toEqual(records.map((one) => [...one]));
    }),
  );
});

test.each([
  ['letters', 'abc\n'],
  ['nothing before the line feed', '\n{}'],
  ['more than a record may have', '1048577\n'],
  ['a length without an end', '12345678901'],
])('%s is no length', (_name, bytes) => {
  expect(() => new RecordParser().push(Buffer.from(bytes))).toThrow(
    expect.objectContaining({ code: 'operator.badRecord' }),
  );
});

test('a stream that ends within a record is refused', () => {
  const parser = new RecordParser();
  expect(parser.push(Buffer.from('2\n{}5\nab')).map(text)).toEqual(['{}']);
  expect(() => parser.end()).toThrow('ends within a record');
});
