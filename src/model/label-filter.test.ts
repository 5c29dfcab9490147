import { expect, test } from 'vitest';
import { hasLabel } from './label-filter.ts';

test.each([
  ['team', true],
  ['team=a', true],
  ['team=b', false],
  ['tier=x=y', true],
  ['empty=', true],
  ['tier=x', false],
  ['toString', false],
  ['none', false],
])('the label %s', (wanted, isThere) => {
  expect(hasLabel({ team: 'a', tier: 'x=y', empty: '' }, wanted)).toBe(isThere);
});
