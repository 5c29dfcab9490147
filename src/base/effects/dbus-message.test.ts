import { describe, expect, test } from 'vitest';
import { completeTypes, DbusReader, type DbusValue, DbusWriter } from './dbus-codec.ts';
import { decodeDbusMessage, encodeDbusMessage, MESSAGE_KIND } from './dbus-message.ts';

describe('values', () => {
  test.each<readonly [string, readonly DbusValue[]]>([
    ['ybu', [7, true, 4_000_000_000]],
    ['sog', ['grüße', '/a/b', 'a(sv)']],
    ['yt', [1, 0xffff_ffff_ffff_ffffn]],
    ['as', [[]]],
    ['yat', [1, [1n, 2n]]],
    ['a(st)y', [[['/dev/block/8:0', 5n]], 9]],
    ['v', [{ signature: 'a(ss)', value: [['char-*', 'rwm']] }]],
    ['a{sv}i', [[['key', { signature: 'b', value: false }]], -3]],
  ])('of %s are read as they were written', (signature, values) => {
    expect(new DbusReader(new DbusWriter().write(signature, values).bytes).read(signature)).toEqual(values);
  });

  test('stand at multiples of their size, and what aligns a first element is not counted', () => {
    expect([...new DbusWriter().write('yat', [1, [2n]]).bytes]).toEqual([
      ...[1, 0, 0, 0, 8, 0, 0, 0],
      ...[2, 0, 0, 0, 0, 0, 0, 0],
    ]);
    expect([...new DbusWriter().write('at', [[2n]]).bytes]).toEqual([
      ...[8, 0, 0, 0, 0, 0, 0, 0],
      ...[2, 0, 0, 0, 0, 0, 0, 0],
    ]);
  });

  test('are read as they were written however many they are', () => {
    const values = [Array.from({ length: 400 }, (_, index) => ['x'.repeat(index % 7), BigInt(index)])];
    expect(new DbusReader(new DbusWriter().write('a(st)', values).bytes).read('a(st)')).toEqual(values);
  });

  test('with a NUL inside, or of no type, are not written', () => {
    expect(() => new DbusWriter().write('s', ['a\0b'])).toThrow(TypeError);
    expect(() => new DbusWriter().write('s', [])).toThrow(TypeError);
    expect(() => completeTypes('a')).toThrow(RangeError);
    expect(() => completeTypes('(s')).toThrow(RangeError);
  });

  test.each([
    ['s', [9, 0, 0, 0, 65]],
    ['as', [200, 0, 0, 0, 1]],
    ['t', [1, 2]],
  ])('of %s that go beyond the end are refused', (signature, bytes) => {
    expect(() => new DbusReader(Buffer.from(bytes)).read(signature)).toThrow(RangeError);
  });
});

describe('messages', () => {
  const call = {
    ...{ kind: MESSAGE_KIND.call, serial: 3, path: '/p', interface: 'i.f', member: 'Do', destination: 'd.e' },
    ...{ signature: 'su', body: ['text', 5] },
  };

  test('arrive whole, one after the other, in whatever pieces', () => {
    const bytes = Buffer.concat([encodeDbusMessage(call), encodeDbusMessage({ ...call, serial: 4 })]);
    const first = encodeDbusMessage(call).length;
    expect(decodeDbusMessage(bytes.subarray(0, 10))).toBeUndefined();
    expect(decodeDbusMessage(bytes.subarray(0, first - 1))).toBeUndefined();
    expect(decodeDbusMessage(bytes)).toMatchObject({ byteLength: first, message: call });
    expect(decodeDbusMessage(bytes.subarray(first))).toMatchObject({ message: { serial: 4 } });
  });

  test('of another byte order, or longer than any answer, are refused', () => {
    const bytes = encodeDbusMessage(call);
    expect(() => decodeDbusMessage(Buffer.from(bytes).fill('B', 0, 1))).toThrow(RangeError);
    const long = Buffer.from(bytes);
    long.writeUInt32LE(1 << 30, 4);
    expect(() => decodeDbusMessage(long)).toThrow(RangeError);
  });
});
