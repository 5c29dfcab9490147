import { expect, test } from 'vitest';
import { pressureQuery } from './pressure-command.ts';

test.each([
  ['150ms/1s', {}, 'resource=cpu&kind=some&stallUs=150000&windowUs=1000000'],
  ['1s/10s', { some: 'io' }, 'resource=io&kind=some&stallUs=1000000&windowUs=10000000'],
  ['300ms/2s', { full: 'memory' }, 'resource=memory&kind=full&stallUs=300000&windowUs=2000000'],
])('%s of %j asks for %s', (threshold, options, query) => {
  expect(pressureQuery(threshold, options).toString()).toBe(query);
});

test.each(['', '1s', '1s/', '/1s', '1s/2s/3s', 'x/1s'])('%j is no threshold', (threshold) => {
  expect(() => pressureQuery(threshold, {})).toThrow('is not');
});

test('some and full exclude each other', () => {
  expect(() => pressureQuery('1s/2s', { some: 'cpu', full: 'cpu' })).toThrow('either --some or --full');
});
