import { expect, test } from 'vitest';
import type { Digest } from '../../model/digest.ts';
import type { ImagePrunePolicy } from '../../model/image-upkeep.ts';
import { collectionPasses, doomedImages, type PrunableImage } from './prune-policy.ts';

const NOW = 1_000_000;
const POLICY: ImagePrunePolicy = { all: true, excluded: [], labels: [], withoutLabels: [], dryRun: false };

function image(letter: string, more: Partial<PrunableImage> = {}): PrunableImage {
  return {
    id: `sha256:${letter.repeat(64)}` as Digest,
    references: [`docker.io/library/${letter}:latest`],
    repositories: [`docker.io/library/${letter}`],
    labels: {},
    createdAt: undefined,
    storedAtMs: 0,
    lastUsedAtMs: 0,
    ...more,
  };
}

function doomed(images: readonly PrunableImage[], policy: Partial<ImagePrunePolicy>, inUse: readonly Digest[] = []) {
  const found = doomedImages(images, { ...POLICY, ...policy }, { inUse: new Set(inUse), nowMs: NOW });
  return found.map(({ id }) => id.slice(7, 8)).join('');
}

test('unless all are meant only images without a name go, and never one that is used', () => {
  const images = [image('a'), image('b', { references: [] }), image('c', { references: [] })];
  expect(doomed(images, { all: false }, [images[2]?.id as Digest])).toBe('b');
  expect(doomed(images, {}, [images[2]?.id as Digest])).toBe('ab');
});

test('what was stored or used lately stays', () => {
  const images = [
    image('a', { storedAtMs: NOW - 100 }),
    image('b', { storedAtMs: NOW - 500, lastUsedAtMs: NOW - 100 }),
    image('c', { storedAtMs: NOW - 500, lastUsedAtMs: NOW - 200 }),
  ];
  expect(doomed(images, { unusedForMs: 200 })).toBe('c');
});

test('those go first that were unused for longest', () => {
  const images = [image('a', { lastUsedAtMs: 30 }), image('b', { storedAtMs: 20 }), image('c', { storedAtMs: 10 })];
  expect(doomed(images, {})).toBe('cba');
});

test('of each name the newest stay, those that lost it counted', () => {
  const repositories = ['r/app'];
  const images = [
    image('a', { repositories, storedAtMs: 1, references: [] }),
    image('b', { repositories, storedAtMs: 2, references: [] }),
    image('c', { repositories, storedAtMs: 3 }),
    image('d', { repositories: ['r/other'], storedAtMs: 0 }),
    image('e', { repositories: [], storedAtMs: 4 }),
  ];
  expect(doomed(images, { keepNewest: 2 })).toBe('ae');
  expect(doomed(images, { keepNewest: 1, all: false })).toBe('ab');
});

test('when an image was made is taken from what it says, and one that does not is old', () => {
  const createdAt = new Date(500).toISOString();
  const images = [image('a', { createdAt }), image('b'), image('c', { createdAt: 'nonsense' })];
  expect(doomed(images, { createdBeforeMs: 500 })).toBe('bc');
  expect(doomed(images, { createdBeforeMs: 501 })).toBe('abc');
});

test('labels choose', () => {
  const images = [image('a', { labels: { x: '1' } }), image('b', { labels: { x: '2', keep: '' } }), image('c')];
  expect(doomed(images, { labels: ['x'] })).toBe('ab');
  expect(doomed(images, { labels: ['x=2'] })).toBe('b');
  expect(doomed(images, { withoutLabels: ['keep', 'x=1'] })).toBe('c');
});

test.each(['a', 'docker.io/library/a:latest', 'a'.repeat(64), `sha256:${'a'.repeat(12)}`])(
  'what is excluded by %s stays',
  (excluded) => {
    expect(doomed([image('a'), image('b')], { excluded: [excluded] })).toBe('b');
  },
);

test('what is excluded must be a reference', () => {
  expect(() => doomed([image('a')], { excluded: ['NOT A NAME'] })).toThrow(
    expect.objectContaining({ kind: 'invalid-argument' }),
  );
});

test('a collection looks at age always, and at the disk from its high mark on', () => {
  const policy = { everyMs: 1, unusedForMs: 5, keepNewest: 2, highWaterPercent: 85, lowWaterPercent: 80 };
  expect(collectionPasses(policy, 84)).toEqual([{ ...POLICY, unusedForMs: 5, keepNewest: 2 }]);
  expect(collectionPasses(policy, 85).slice(1)).toEqual([{ ...POLICY, lowWaterPercent: 80, keepNewest: 2 }]);
  expect(collectionPasses({ everyMs: 1, highWaterPercent: 85 }, 90)).toEqual([{ ...POLICY, lowWaterPercent: 85 }]);
  expect(collectionPasses({ everyMs: 1, keepNewest: 2 }, 0)).toEqual([{ ...POLICY, keepNewest: 2 }]);
  expect(collectionPasses({ everyMs: 1, keepNewest: 2, highWaterPercent: 50 }, 0)).toEqual([]);
});
