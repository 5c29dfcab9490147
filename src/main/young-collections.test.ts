import { expect, test } from 'vitest';
import type { LayerWorker } from '../image/layer-store.ts';
import { collectYoung, relievedWorkers } from './young-collections.ts';

const OPTIONS = {} as Parameters<LayerWorker['unpack']>[0];

/** A worker that takes all that comes. */
function taking(seen: Uint8Array[]): LayerWorker {
  return {
    unpack: async (_options: unknown, source: AsyncIterable<Uint8Array>) => {
      for await (const piece of source) seen.push(piece);
      return { ok: true, bytes: 0 };
    },
  } as unknown as LayerWorker;
}

async function* pieces(count: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at += 1) yield new Uint8Array(100).fill(at);
}

test('what streams leave behind is collected each time so much has passed, over all layers together', async () => {
  const seen: Uint8Array[] = [];
  let collections = 0;
  const connect = relievedWorkers(
    async () => taking(seen),
    () => {
      collections += 1;
    },
    500,
  );
  await (await connect()).unpack(OPTIONS, pieces(3));
  expect(collections).toBe(0);
  await (await connect()).unpack(OPTIONS, pieces(8));
  expect(collections).toBe(2);
  expect(seen.map((piece) => piece[0])).toEqual([0, 1, 2, 0, 1, 2, 3, 4, 5, 6, 7]);
});

test('collections free the buffers that nobody holds, and keep those that somebody does', async () => {
  const collect = collectYoung();
  // From here on less is made than V8 collects by itself.
  collect();
  const held = Buffer.alloc(1 << 20, 7);
  for (let at = 0; at < 16; at += 1) Buffer.alloc(1 << 20);
  const { arrayBuffers } = process.memoryUsage();
  // Buffers are freed beside us, and counted when that is done.
  await expect
    .poll(
      () => {
        collect();
        return process.memoryUsage().arrayBuffers;
      },
      { timeout: 4_000 },
    )
    .toBeLessThan(arrayBuffers - (4 << 20));
  expect(held.every((byte) => byte === 7)).toBe(true);
});

test('nobody else gets a collector by it', () => {
  collectYoung()();
  expect(globalThis.gc).toBeUndefined();
});
