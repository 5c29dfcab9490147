import { expect, test } from 'vitest';
import { inLargePieces } from './large-pieces.ts';

async function* chunks(count: number, failure?: Error): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at += 1) yield Uint8Array.of(at, at);
  if (failure !== undefined) throw failure;
}

test('joins what comes in small pieces, with a smaller one at the end', async () => {
  const pieces: number[][] = [];
  for await (const piece of inLargePieces(chunks(5), 4)) pieces.push([...piece]);
  expect(pieces).toEqual([
    [0, 0, 1, 1],
    [2, 2, 3, 3],
    [4, 4],
  ]);
});

test('passes on what had come before the source failed', async () => {
  const pieces: number[][] = [];
  const reading = (async () => {
    for await (const piece of inLargePieces(chunks(1, new Error('cut')), 4)) pieces.push([...piece]);
  })();
  await expect(reading).rejects.toThrow('cut');
  expect(pieces).toEqual([[0, 0]]);
});
