import { expect, test } from 'vitest';
import { pruneFilters } from './program-prune.ts';

test('filters for what is to go say when it had ended, of several times the earliest, and its labels', () => {
  expect(pruneFilters([], 5000)).toEqual({ labels: [], withoutLabels: [] });
  expect(pruneFilters(['until=2s', 'label=team', 'until=4s', 'label=tier=a=b', 'label!=keep'], 5000)).toEqual({
    ...{ endedBeforeMs: 1000, labels: ['team', 'tier=a=b'], withoutLabels: ['keep'] },
  });
});

test.each(['name=web', 'label=', 'label!=', 'until!=1s', 'until=', 'until=soon', 'label', ''])(
  'the filter %j is refused',
  (filter) => {
    expect(() => pruneFilters([filter], 0)).toThrow(expect.objectContaining({ code: 'cli.badValue' }));
  },
);
