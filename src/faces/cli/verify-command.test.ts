import { expect, test } from 'vitest';
import { verifiedLines } from './verify-command.ts';

const IMAGE = { id: `sha256:${'1'.repeat(64)}`, references: ['a:1', 'b:2'], faults: [], uncheckedLayers: 0 };
const FAULT = { part: 'tree', digest: 'sha256:2', state: 'changed', found: 'etc/\u001bx is missing', isRepaired: true };

test('an image without faults has one line', () => {
  expect(verifiedLines(IMAGE)).toEqual(['a:1: as it came']);
  expect(verifiedLines({ ...IMAGE, references: [] })).toEqual([`${IMAGE.id}: as it came`]);
});

test('a fault says what it is and what is left to do, in characters that a terminal does not obey', () => {
  const open = { ...FAULT, isRepaired: false, remedy: 'isopod pull a:1' };
  expect(verifiedLines({ ...IMAGE, faults: [FAULT, open] })).toEqual([
    'a:1: 2 faults',
    '  tree sha256:2 changed: etc/\\x1bx is missing; repaired',
    '  tree sha256:2 changed: etc/\\x1bx is missing; to do: isopod pull a:1',
  ]);
});

test('a layer whose blob is damaged says that its tree could not be looked at, and to verify again', () => {
  const blob = { part: 'layer', digest: 'sha256:3', state: 'damaged', found: 'it differs', isRepaired: false };
  const fault = { ...blob, uncheckedTree: 'sha256:2', remedy: 'isopod pull a:1' };
  expect(verifiedLines({ ...IMAGE, faults: [fault] })[1]).toBe(
    '  layer sha256:3 damaged: it differs; so its tree sha256:2 could not be looked at; to do: isopod pull a:1, and verify again for its tree',
  );
});

test('layers that could not be looked at are told', () => {
  expect(verifiedLines({ ...IMAGE, uncheckedLayers: 3 })[0]).toContain('3 layers could not be looked at');
});

test('of images of layers it says how many are sealed, and how many could not be looked at', () => {
  const line = (unchecked: number) => verifiedLines({ ...IMAGE, layerImages: { made: 3, sealed: 2, unchecked } })[0];
  expect(line(0)).toBe('a:1: as it came; 2 of 3 erofs images of layers sealed');
  expect(line(1)).toMatch(/sealed, 1 could not be looked at$/);
});
