import { expect, test } from 'vitest';
import { playHalf } from './interleavings.ts';

test('whatever is killed among few callers, in the second five thousand of ten thousand orders, callers were told the truth', async () => {
  expect(await playHalf(1)).toBe(5_000);
}, 600_000);
