import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EngineError } from './error.ts';
import { parseUser } from './user.ts';

test('a user alone and a user with a group are told apart', () => {
  expect(parseUser('daemon')).toEqual({ user: 'daemon' });
  expect(parseUser('1000:staff')).toEqual({ user: '1000', group: 'staff' });
});

test.each(['', ':', 'a:b:c', '33:55:66', 'a b', 'a/b', 'a\0', 'a\n'])('%j is refused', (text) => {
  expect(() => parseUser(text)).toThrow('is not name[:group]');
});

test('a group alone is one of root, and a group left out is that of the user', () => {
  expect(parseUser(':55')).toEqual({ user: '0', group: '55' });
  expect(parseUser(':extra')).toEqual({ user: '0', group: 'extra' });
  expect(parseUser('web:')).toEqual({ user: 'web' });
});

test.each(['4294967295', '4294967296', '18446744073709551616', '-1', '+1'])(
  'the id %s, which would wrap around or mean "leave as it is", is refused',
  (text) => {
    expect(() => parseUser(text)).toThrow('beyond the largest');
  },
);

test('every 32-bit id but the last is taken', () => {
  fc.assert(
    fc.property(fc.nat({ max: 0xffff_fffe }), (id) => {
      expect(parseUser(`${id}:${id}`)).toEqual({ user: `${id}`, group: `${id}` });
    }),
  );
});

test('any text is parsed without loss or refused with a typed error', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        const { user, group } = parseUser(text);
        const [first, second] = text.split(':');
        expect({ user, group }).toEqual({ user: first || '0', group: second || undefined });
      } catch (error) {
        expect(error).toBeInstanceOf(EngineError);
      }
    }),
  );
});
