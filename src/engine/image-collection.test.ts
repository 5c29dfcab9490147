import { expect, test } from 'vitest';
import { testImages } from '../image/images.fixture.ts';
import type { ImageCollectionPolicy } from '../model/image-upkeep.ts';
import type { EngineHost } from './host.ts';
import { ImageCollection } from './image-collection.ts';

const POLICY: ImageCollectionPolicy = { everyMs: 1000, highWaterPercent: 80 };
const NOTHING = { untagged: [], deleted: [] };

/** A host whose clock a test moves; `passes` says what each pass comes to. */
function hostOf(policy: ImageCollectionPolicy | undefined, passes: readonly (() => Promise<typeof NOTHING>)[]) {
  const made: ImageCollectionPolicy[] = [];
  const reported: string[] = [];
  const slept: number[] = [];
  let wake = (): void => {};
  const collect = async (asked: ImageCollectionPolicy) => {
    made.push(asked);
    return (await passes[made.length - 1]?.()) ?? NOTHING;
  };
  const upkeep = { ...testImages({}).upkeep, collect };
  const sleep = (delayMs: number, signal?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      slept.push(delayMs);
      wake = resolve;
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  const host = {
    ...(policy !== undefined && { imageCollection: policy }),
    effects: { clock: { sleep } },
    images: testImages({ upkeep }),
    operations: { run: (_about: unknown, work: () => Promise<unknown>) => work() },
    report: ({ what }: { readonly what: string }) => reported.push(what),
    registry: { all: () => [] },
  } as unknown as EngineHost;
  return { host, made, reported, slept, wake: () => wake() };
}

/** Lets what has been set going come to its next wait. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('without a policy nothing is ever collected', async () => {
  const { host, made } = hostOf(undefined, []);
  new ImageCollection(host).start();
  await settled();
  expect(made).toEqual([]);
});

test('passes follow each other until the engine closes; one that fails is told and the next tries again', async () => {
  const failing = () => Promise.reject(new Error('the disk is gone'));
  const { host, made, reported, slept, wake } = hostOf(POLICY, [failing]);
  const collection = new ImageCollection(host);
  collection.start();
  await settled();
  expect([made.length, reported, slept]).toEqual([1, ['images were not collected'], [1000]]);
  wake();
  await settled();
  expect([made.length, reported.length, slept.length]).toEqual([2, 1, 2]);
  collection.close();
  await settled();
  expect(made).toEqual([POLICY, POLICY]);
});
