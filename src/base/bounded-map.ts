/**
 * Maps items with at most `width` calls under way, in order of the result.
 *
 * Every call is made even when one rejects; then the first rejection is passed on.
 */
export async function mapBounded<Item, Result>(
  items: readonly Item[],
  width: number,
  map: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: PromiseSettledResult<Result>[] = new Array(items.length);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      const [settled] = await Promise.allSettled([map(items[index] as Item)]);
      results[index] = settled;
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  return results.map((settled) => {
    if (settled.status === 'rejected') throw settled.reason;
    return settled.value;
  });
}
