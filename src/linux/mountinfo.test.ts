import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mountOf, parseMountInfo, unescapeOctal } from './mountinfo.ts';

test('a line with optional fields is parsed up to and beyond its dash', () => {
  const line = '36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue';
  expect(parseMountInfo(`${line}\n`)).toEqual([
    {
      id: 36,
      parentId: 35,
      root: '/mnt1',
      mountPoint: '/mnt 2',
      options: ['rw', 'noatime'],
      type: 'ext3',
      source: '/dev/root',
      superOptions: ['rw', 'errors=continue'],
      isShared: true,
      isSlave: true,
    },
  ]);
});

test('a path that is a dash does not end the optional fields', () => {
  const [entry] = parseMountInfo('1 2 0:1 / - rw - tmpfs tmpfs rw');
  expect(entry?.mountPoint).toBe('-');
  expect(entry?.type).toBe('tmpfs');
});

test.each(['', 'nonsense', '1 2 3', '36 35 98:0 / /mnt rw ext3 /dev/root rw'])('the line %j is left out', (line) => {
  expect(parseMountInfo(line)).toEqual([]);
});

test('what the kernel mangles is read back', () => {
  const mangle = (text: string): string =>
    text.replace(/[ \t\n\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(unescapeOctal(mangle(text))).toBe(text);
    }),
  );
});

test('no text makes the parser fail', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(parseMountInfo(text)).toBeInstanceOf(Array);
    }),
  );
});

test('a path is on the mount that is on top at the longest mount point', () => {
  const mounts = parseMountInfo('1 0 0:1 / / rw - a a rw\n2 1 0:2 / /b rw - b b rw\n3 2 0:3 / /b rw - c c rw\n');
  expect(mountOf(mounts, '/bc')?.id).toBe(1);
  expect(mountOf(mounts, '/b')?.id).toBe(3);
  expect(mountOf(mounts, '/b/c')?.id).toBe(3);
});
