import { expect, test } from 'vitest';
import { parseImageCollection, pruneRequest } from './image-upkeep-options.ts';

const NOW = 1_000_000_000_000;

test('without options only images that lost their names are meant', () => {
  expect(pruneRequest({}, NOW)).toEqual({ all: false, dryRun: false, labels: [], withoutLabels: [] });
});

test('every option of a prune reaches the agent', () => {
  const flags = {
    ...{ all: true, dryRun: true, olderThan: '24h', keepNewest: '3', lowWater: '80%' },
    filter: ['until=1h', 'until=2h', 'label=a', 'label=b=c', 'label!=keep=yes=no'],
  };
  expect(pruneRequest(flags, NOW)).toEqual({
    ...{ all: true, dryRun: true, unusedForMs: 86_400_000, keepNewest: 3, lowWaterPercent: 80 },
    ...{ createdBeforeMs: NOW - 7_200_000, labels: ['a', 'b=c'], withoutLabels: ['keep=yes=no'] },
  });
});

test('the filter dangling says whether named images are meant', () => {
  expect(pruneRequest({ filter: ['dangling=false'] }, NOW)).toMatchObject({ all: true });
  expect(pruneRequest({ all: true, filter: ['dangling=true'] }, NOW)).toMatchObject({ all: false });
});

test.each([
  { filter: ['before=x'] },
  { filter: ['until!=1h'] },
  { filter: ['label='] },
  { filter: ['dangling=maybe'] },
  { olderThan: 'yesterday' },
  { keepNewest: '0' },
  { lowWater: '101%' },
])('%j is refused', (flags) => {
  expect(() => pruneRequest(flags, NOW)).toThrow(expect.objectContaining({ code: 'cli.badValue' }));
});

test('a policy of collection is read', () => {
  expect(parseImageCollection('high=85%,low=80%,older-than=720h,keep-newest=3,every=30s')).toEqual({
    ...{ highWaterPercent: 85, lowWaterPercent: 80, unusedForMs: 2_592_000_000, keepNewest: 3, everyMs: 30_000 },
  });
  expect(parseImageCollection('older-than=1d')).toEqual({ unusedForMs: 86_400_000, everyMs: 300_000 });
});

test.each([
  '',
  'high',
  'low=80%',
  'high=80%,low=85%',
  'every=5m',
  'high=80%,high=81%',
  'high=80%,every=1ms',
  'other=1',
])('policy %j is refused', (value) => {
  expect(() => parseImageCollection(value)).toThrow(expect.objectContaining({ code: 'cli.badValue' }));
});
