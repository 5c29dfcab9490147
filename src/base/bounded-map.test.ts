import { expect, test } from 'vitest';
import { mapBounded } from './bounded-map.ts';

test('results keep the order of the items, and no more than the width run at once', async () => {
  let running = 0;
  let most = 0;
  const results = await mapBounded([5, 1, 3, 2, 4], 2, async (item) => {
    running += 1;
    most = Math.max(most, running);
    for (let hop = 0; hop < item; hop++) await undefined;
    running -= 1;
    return item * 10;
  });
  expect(results).toEqual([50, 10, 30, 20, 40]);
  expect(most).toBe(2);
});

test('every item is tried, then the first rejection is passed on', async () => {
  const tried: number[] = [];
  const mapping = mapBounded([1, 2, 3], 1, async (item) => {
    tried.push(item);
    if (item < 3) throw new Error(`no ${item}`);
  });
  await expect(mapping).rejects.toThrow('no 1');
  expect(tried).toEqual([1, 2, 3]);
});
