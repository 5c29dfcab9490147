import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DetachKeys } from './detach-keys.ts';

const KEYS = Uint8Array.from([16, 17]);
const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

test('the sequence is found across chunks, and is not passed on', () => {
  const keys = new DetachKeys(KEYS);
  expect(keys.push(bytes('ab\x10'))).toEqual({ data: Uint8Array.of(97, 98), detached: false });
  expect(keys.push(bytes('\x11cd'))).toMatchObject({ detached: true });
});

test('a beginning that goes on otherwise is passed on whole', () => {
  const keys = new DetachKeys(KEYS);
  keys.push(bytes('\x10'));
  expect([...keys.push(bytes('x')).data]).toEqual([16, 120]);
  expect([...keys.push(bytes('\x10\x10x')).data]).toEqual([16, 16, 120]);
});

test('what does not hold the sequence comes out as it went in, whatever the chunks', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.constantFrom(16, 97), { maxLength: 5 })), (chunks) => {
      const keys = new DetachKeys(KEYS);
      const out = chunks.flatMap((chunk) => [...keys.push(Uint8Array.from(chunk)).data]);
      out.push(...keys.push(bytes('z')).data);
      expect(out).toEqual([...chunks.flat(), 122]);
    }),
  );
});
