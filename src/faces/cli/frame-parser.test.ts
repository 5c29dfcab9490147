import fc from 'fast-check';
import { expect, test } from 'vitest';
import { frameBytes } from '../../model/wire-codec.ts';
import { FrameParser } from './frame-parser.ts';

test('frames come out as they went in, however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 8 }), fc.integer({ min: 1, max: 9 }), (texts, size) => {
      const stream = Buffer.concat(texts.map((text) => frameBytes('stdout', { data: Buffer.from(text) })));
      const parser = new FrameParser();
      const payloads: string[] = [];
      for (let at = 0; at < stream.length; at += size) {
        for (const { payload } of parser.push(stream.subarray(at, at + size))) {
          payloads.push(Buffer.from(payload.subarray(4)).toString());
        }
      }
      expect(payloads).toEqual(texts.map((text) => Buffer.from(text).toString()));
    }),
  );
});

test('an oversized frame is refused before it is gathered', () => {
  expect(() => new FrameParser().push(Buffer.from('ffffffff00000000', 'hex'))).toThrow(
    expect.objectContaining({ code: 'cli.agentBroken' }),
  );
});
