import { expect, test } from 'vitest';
import { Lineages } from './lineages.ts';

test('a lineage begins with the outermost container, and ends when nobody asks for it any more', () => {
  const lineages = new Lineages();
  lineages.nest('c', 'b');
  lineages.nest('b', 'a');
  expect([lineages.of('a'), lineages.of('c')]).toEqual([['a'], ['a', 'b', 'c']]);
  lineages.forget('c');
  lineages.forget('c');
  expect(lineages.of('c')).toEqual(['c']);
});
