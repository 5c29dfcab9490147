import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { IdRange } from '../model/namespace-policy.ts';
import { findFree, IdRanges } from './id-ranges.ts';

const POOL = { first: 1000, count: 300 };

test('the lowest place that is wide enough is taken', () => {
  expect(findFree(POOL, [], 100)).toEqual({ first: 1000, count: 100 });
  const taken = [
    { first: 1000, count: 50 },
    { first: 1100, count: 100 },
  ];
  expect(findFree(POOL, taken, 50)).toEqual({ first: 1050, count: 50 });
  expect(findFree(POOL, taken, 51)).toEqual({ first: 1200, count: 51 });
  expect(findFree(POOL, taken, 101)).toBeUndefined();
});

test('ranges outside of the pool that somebody named take nothing from it, but where they overlap it', () => {
  expect(findFree(POOL, [{ first: 0, count: 10 }], 300)).toEqual({ first: 1000, count: 300 });
  expect(findFree(POOL, [{ first: 0, count: 1001 }], 299)).toEqual({ first: 1001, count: 299 });
});

const overlaps = (a: IdRange, b: IdRange): boolean => a.first < b.first + b.count && b.first < a.first + a.count;

test('whatever comes and goes, no two hold the same id, and all are of the pool', () => {
  const counts = fc.array(fc.tuple(fc.integer({ min: 1, max: 120 }), fc.boolean()), { maxLength: 30 });
  fc.assert(
    fc.property(counts, (steps) => {
      const held: IdRange[] = [];
      for (const [count, isLeaving] of steps) {
        if (isLeaving) held.shift();
        const found = findFree(POOL, held, count);
        if (found === undefined) continue;
        expect(found.first).toBeGreaterThanOrEqual(POOL.first);
        expect(found.first + found.count).toBeLessThanOrEqual(POOL.first + POOL.count);
        expect(held.some((other) => overlaps(found, other))).toBe(false);
        held.push(found);
      }
    }),
  );
});

test('a range is free again after its release, and an exhausted pool says who holds it', () => {
  const ranges = new IdRanges(POOL);
  expect(ranges.take('a', 200).uids).toEqual([{ container: 0, host: 1000, count: 200 }]);
  expect(() => ranges.take('b', 200)).toThrow('no 200 ids in a row are free for a user namespace: 1 containers hold');
  ranges.release('a');
  expect(ranges.take('b', 200).gids).toEqual([{ container: 0, host: 1000, count: 200 }]);
});

test('ids that a recovered container has are not given out again', () => {
  const ranges = new IdRanges(POOL);
  const ids = [{ container: 0, host: 1000, count: 250 }];
  ranges.hold('old', { uids: ids, gids: ids });
  expect(ranges.take('new', 50).uids).toEqual([{ container: 0, host: 1250, count: 50 }]);
});

test('how the files of a container show its ids stays known with them, and one that shares them takes none from others', () => {
  const ranges = new IdRanges(POOL);
  const { uids, gids } = ranges.take('parent', 100);
  ranges.hold('parent', { uids, gids, files: 'shifted' });
  ranges.hold('nested', { uids, gids, files: 'idmapped' });
  expect(ranges.take('parent', 100)).toEqual({ uids, gids, files: 'shifted' });
  expect(ranges.of('nested')?.files).toBe('idmapped');
  expect(ranges.take('other', 200).uids).toEqual([{ container: 0, host: 1100, count: 200 }]);
  ranges.release('nested');
  expect(ranges.of('parent')).toEqual({ uids, gids, files: 'shifted' });
});
