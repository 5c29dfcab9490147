import { expect, test } from 'vitest';
import type { Digest } from '../../model/digest.ts';
import type { ImageRecord } from '../store/image-record.ts';
import { type NamedRecord, remedyFor, shownName } from './remedy.ts';

const digest = (digit: string): Digest => `sha256:${digit.repeat(64)}` as Digest;
const LAYER = digest('1');

function image(id: string, references: readonly string[], comesBy?: ImageRecord['comesBy']): NamedRecord {
  const layers = [{ mediaType: 'layer', digest: LAYER, sizeBytes: 1 }];
  const record = { id: digest(id), manifestDigest: digest('f'), layers, ...(comesBy && { comesBy }) };
  return { record: record as unknown as ImageRecord, references };
}

test('what was pulled is pulled again by its name', () => {
  const pulled = image('a', ['example.org/app:1']);
  expect(remedyFor(LAYER, pulled, { all: [pulled], mustGo: false })).toBe('isopod pull example.org/app:1');
});

test('of its names one of a registry is told, wherever it stands', () => {
  const names = ['docker-daemon:app:1', 'dir:/tree', 'example.org/app:1'];
  const pulled = image('a', names);
  expect(remedyFor(LAYER, pulled, { all: [pulled], mustGo: true })).toBe(
    'isopod image verify --repair example.org/app:1, then isopod pull example.org/app:1',
  );
  expect(shownName(names.slice(0, 2))).toBe('docker-daemon:app:1');
  expect(shownName([])).toBeUndefined();
});

test('a layer of a committed image comes with the pull of the image that it was made from', () => {
  const made = image('b', ['docker.io/library/made:1'], 'make');
  expect(remedyFor(LAYER, made, { all: [made, image('a', ['example.org/base:1'])], mustGo: false })).toBe(
    'isopod pull example.org/base:1',
  );
});

test.each([
  ['make', /^it was made here and cannot be pulled: isopod rmi app, and import or commit it anew/],
  ['load', /^isopod load the archive/],
] as const)('what came by %s is not told to be pulled', (comesBy, remedy) => {
  const here = image('a', ['app'], comesBy);
  expect(remedyFor(LAYER, here, { all: [here, image('b', [])], mustGo: false })).toMatch(remedy);
});

test('one that was pulled and has lost its names is not pulled by its id', () => {
  const here = image('a', []);
  expect(remedyFor(LAYER, here, { all: [here], mustGo: false })).toMatch(/by the name that it had/);
});

test('what is damaged and still here is taken away first, unless its image goes as a whole', () => {
  const first = 'isopod image verify --repair app, then ';
  const told = (comesBy: ImageRecord['comesBy']) => {
    const here = image('a', ['app'], comesBy);
    return remedyFor(LAYER, here, { all: [here], mustGo: true });
  };
  expect(told('pull')).toBe(`${first}isopod pull app`);
  expect(told('load')).toBe(`${first}isopod load the archive that it came from`);
  expect(told('make')).toMatch(/^it was made here/);
});
