import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import type { Effects } from '../../base/effects.ts';
import type { Digest } from '../../model/digest.ts';
import type { ImagePrunePolicy, PrunedImages } from '../../model/image-upkeep.ts';
import { buildImage } from '../built-image.fixture.ts';
import { writeTar } from '../embedded/tar-writer.ts';
import type { Images } from '../images.ts';
import { MemorySource } from '../store/memory-source.fixture.ts';
import { MEASURED_BYTES, StoreFixture } from '../store.fixture.ts';

const DAY_MS = 86_400_000;
const ALL: ImagePrunePolicy = { all: true, excluded: [], labels: [], withoutLabels: [], dryRun: false };

let store: StoreFixture;
let nowMs: number;
/** Parts of the disk that are taken, one for each time that is asked. */
let fullness: number[];

beforeEach(() => {
  store = new StoreFixture();
  nowMs = Date.now();
  fullness = [];
});

afterEach(() => {
  expect(store.openWorkers).toBe(0);
  store.remove();
});

function open(): Images {
  const real = nodeEffects();
  const effects: Effects = {
    ...real,
    clock: { ...real.clock, nowMs: () => nowMs },
    files: { ...real.files, space: async () => ({ totalBytes: 100, freeBytes: 100 - (fullness.shift() ?? 0) }) },
  };
  return store.open({ effects });
}

/** One layer is all images', the other its own. */
const SHARED = writeTar([{ path: 'shared', mode: 0o644, content: randomBytes(1000) }]);

async function add(images: Images, name: string): Promise<Digest> {
  const built = buildImage([SHARED, writeTar([{ path: name, mode: 0o644, content: randomBytes(2000) }])]);
  return (await images.fetch(() => new MemorySource(built).open(), [name])).id;
}

function removal(images: Images, used: readonly Digest[] = []) {
  const inUse = () => new Set(used);
  return { inUse, remove: (id: Digest) => images.remove(id, inUse) };
}

async function ids(images: Images): Promise<readonly Digest[]> {
  return (await images.list()).map(({ id }) => id);
}

test('pruning takes what nobody uses, and says how much that was', async () => {
  const images = open();
  const [a, b] = [await add(images, 'a'), await add(images, 'b')];
  const before = await images.upkeep.diskUse(new Set([b]));
  const told = await images.upkeep.prune({ ...ALL, dryRun: true }, removal(images, [b]));
  expect(await ids(images)).toEqual([a, b]);
  const pruned = await images.upkeep.prune(ALL, removal(images, [b]));
  expect(pruned).toEqual({
    untagged: ['docker.io/library/a:latest'],
    deleted: [a],
    partials: [],
    leftovers: [],
    reclaimedBytes: before.reclaimableBytes,
    heldBytes: 0,
  });
  expect(told).toEqual(pruned);
  expect(await ids(images)).toEqual([b]);
});

/** What a pull leaves that is killed when all of it is in place and no image was made of it. @returns digests of a tree and a blob */
async function leaveBehind(): Promise<readonly [Digest, Digest]> {
  const [tree, blob] = ['e'.repeat(64), 'f'.repeat(64)];
  await mkdir(join(store.root, 'layers', tree), { recursive: true });
  await mkdir(join(store.root, 'blobs/sha256'), { recursive: true });
  await writeFile(join(store.root, 'blobs/sha256', blob), 'left');
  return [`sha256:${tree}`, `sha256:${blob}`] as [Digest, Digest];
}

test.each([ALL, { ...ALL, all: false }, { ...ALL, labels: ['x'] }])(
  'a prune that takes no image takes what no image has, and counts it (%j)',
  async (policy) => {
    const images = open();
    const a = await add(images, 'a');
    const files = await store.files();
    const leftovers = await leaveBehind();
    const expected = { deleted: [], leftovers, reclaimedBytes: MEASURED_BYTES + 'left'.length };
    expect(await images.upkeep.prune({ ...policy, dryRun: true }, removal(images, [a]))).toMatchObject(expected);
    expect(existsSync(images.layerDirectory(leftovers[0]))).toBe(true);
    expect(await images.upkeep.prune(policy, removal(images, [a]))).toMatchObject(expected);
    expect(existsSync(images.layerDirectory(leftovers[0]))).toBe(false);
    expect((await store.files()).filter((path) => !path.includes('image-uses'))).toEqual(files);
  },
);

test('without a list of images nothing is taken for what no image has', async () => {
  const images = open();
  const [tree] = await leaveBehind();
  expect(await images.upkeep.prune(ALL, removal(images))).toMatchObject({ leftovers: [], reclaimedBytes: 0 });
  expect(existsSync(images.layerDirectory(tree))).toBe(true);
});

test('layers that images share count once', async () => {
  const images = open();
  const [a, b] = [await add(images, 'a'), await add(images, 'b')];
  const report = await images.upkeep.diskUse(new Set([a]));
  const { images: shares, layers, unpackedBytes, blobBytes, reclaimableBytes } = report;
  expect(layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBe(unpackedBytes);
  expect(layers.map((layer) => layer.images.length).sort()).toEqual([1, 1, 2]);
  const sizes = shares.map(({ sizeBytes }) => sizeBytes);
  expect(unpackedBytes + blobBytes).toBeLessThan((sizes[0] ?? 0) + (sizes[1] ?? 0));
  const second = shares.find(({ id }) => id === b);
  expect(reclaimableBytes).toBe(second?.uniqueBytes);
  expect(second?.uniqueBytes).toBeLessThan(second?.sizeBytes ?? 0);
  expect(shares.map(({ inUse }) => inUse)).toEqual([true, false]);
});

test('an image that was used lately stays, also for another process', async () => {
  const images = open();
  const [a, b] = [await add(images, 'a'), await add(images, 'b')];
  nowMs += 10 * DAY_MS;
  images.upkeep.noteUse(a);
  await images.upkeep.diskUse(new Set());
  const later = open();
  expect((await later.upkeep.prune({ ...ALL, unusedForMs: DAY_MS }, removal(later))).deleted).toEqual([b]);
  expect(await ids(later)).toEqual([a]);
});

test('uses that follow each other within an hour write nothing', async () => {
  const images = open();
  const a = await add(images, 'a');
  const path = join(store.root, 'image-uses.json');
  images.upkeep.noteUse(a);
  await images.upkeep.diskUse(new Set());
  const written = await readFile(path, 'utf8');
  nowMs += DAY_MS / 48;
  images.upkeep.noteUse(a);
  await images.upkeep.diskUse(new Set());
  expect(await readFile(path, 'utf8')).toBe(written);
  nowMs += DAY_MS / 48;
  images.upkeep.noteUse(a);
  await images.upkeep.diskUse(new Set());
  expect(await readFile(path, 'utf8')).not.toBe(written);
});

test('a damaged note of uses costs no more than the note', async () => {
  const images = open();
  const a = await add(images, 'a');
  await writeFile(join(store.root, 'image-uses.json'), '{"version":1,"usedAtMs":{"x":1,');
  expect((await images.upkeep.prune(ALL, removal(images))).deleted).toEqual([a]);
});

test('down to the low mark go only as many as it takes, the longest unused first', async () => {
  const images = open();
  const all: Digest[] = [];
  for (const name of ['a', 'b', 'c']) {
    all.push(await add(images, name));
    nowMs += 1000;
  }
  fullness = [90, 85, 79];
  expect((await images.upkeep.prune({ ...ALL, lowWaterPercent: 80 }, removal(images))).deleted).toEqual(
    all.slice(0, 2),
  );
  expect(await ids(images)).toEqual(all.slice(2));
});

test('a collection begins at the high mark and not before', async () => {
  const images = open();
  const a = await add(images, 'a');
  const policy = { everyMs: 1, highWaterPercent: 85, lowWaterPercent: 80 };
  fullness = [84];
  expect((await images.upkeep.collect(policy, removal(images))).deleted).toEqual([]);
  fullness = [85, 85];
  expect((await images.upkeep.collect(policy, removal(images))).deleted).toEqual([a]);
});

test('what has come in part goes with a prune, but not what a pull is at, nor when only some images are meant', async () => {
  const images = open();
  const built = buildImage([writeTar([{ path: 'x', mode: 0o644, content: randomBytes(100_000) }])]);
  const source = new MemorySource(built);
  const stale = join(store.root, 'blobs/ingest', 'f'.repeat(64));
  await mkdir(join(store.root, 'blobs/ingest'), { recursive: true });
  await writeFile(stale, 'left by a pull that nobody went on with');
  const usage: number[] = [];
  source.before = async (_digest, at) => {
    if (at < 50_000) return;
    for (const policy of [{ ...ALL, labels: ['x'] }, { ...ALL, unusedForMs: DAY_MS }, ALL]) {
      await images.upkeep.prune(policy, removal(images));
      usage.push((await images.upkeep.diskUse(new Set())).partialBytes);
    }
    source.before = () => {};
  };
  await images.fetch(() => source.open(), ['x']);
  const staleBytes = 'left by a pull that nobody went on with'.length;
  expect(usage).toEqual([50_000 + staleBytes, 50_000 + staleBytes, 50_000]);
});

test('a dry run tells of partial downloads what a prune takes then', async () => {
  const images = open();
  await add(images, 'a');
  const digest = `sha256:${'f'.repeat(64)}`;
  const partial = join(store.root, 'blobs/ingest', 'f'.repeat(64));
  await writeFile(partial, 'left by a pull that nobody went on with');
  for (const policy of [{ ...ALL, labels: ['x'] }, { ...ALL, unusedForMs: DAY_MS }, ALL]) {
    const told = await images.upkeep.prune({ ...policy, dryRun: true }, removal(images));
    expect(existsSync(partial)).toBe(true);
    expect(await images.upkeep.prune(policy, removal(images))).toEqual(told);
    expect(told.partials).toEqual(policy === ALL ? [digest] : []);
  }
  expect(existsSync(partial)).toBe(false);
});

test('a dry run to the low mark tells of as many images as it would take', async () => {
  const images = open();
  const all = [await add(images, 'a'), await add(images, 'b')];
  const { reclaimableBytes } = await images.upkeep.diskUse(new Set());
  const dry = { ...ALL, dryRun: true };
  fullness = [80, 90];
  expect((await images.upkeep.prune({ ...dry, lowWaterPercent: 80 }, removal(images))).deleted).toEqual([]);
  const one = await images.upkeep.prune({ ...dry, lowWaterPercent: 80 }, removal(images));
  expect([one.deleted.length, one.reclaimedBytes < reclaimableBytes]).toEqual([1, true]);
  expect(all).toContain(one.deleted[0]);
});

test('a prune during a pull says what it took, and what is kept for the pull', async () => {
  const images = open();
  const a = await add(images, 'a');
  const bytes = (await images.upkeep.diskUse(new Set())).reclaimableBytes;
  const source = new MemorySource(
    buildImage([SHARED, writeTar([{ path: 'b', mode: 0o644, content: randomBytes(100_000) }])]),
  );
  const pruned: PrunedImages[] = [];
  source.before = async (_digest, at) => {
    if (at < 50_000) return;
    source.before = () => {};
    for (const dryRun of [true, false]) pruned.push(await images.upkeep.prune({ ...ALL, dryRun }, removal(images)));
  };
  await images.fetch(() => source.open(), ['b']);
  const [told, done] = pruned;
  expect(told).toEqual(done);
  expect(done).toMatchObject({ deleted: [a], partials: [] });
  // The layer that both have, as a blob and as a tree, and the half of the other.
  expect(done?.heldBytes).toBeGreaterThan(50_000 + 2000);
  expect((done?.heldBytes ?? 0) + (done?.reclaimedBytes ?? 0)).toBe(bytes + 50_000);
  expect(done?.reclaimedBytes).toBeGreaterThan(2 * 2000);
});

test('an image that a container begins to use while others are pruned stays', async () => {
  const images = open();
  const [a, b] = [await add(images, 'a'), await add(images, 'b')];
  const used = new Set<Digest>();
  const inUse = () => used;
  const remove = async (id: Digest) => {
    used.add(b);
    return await images.remove(id, inUse);
  };
  expect((await images.upkeep.prune(ALL, { inUse, remove })).deleted).toEqual([a]);
  expect(await ids(images)).toEqual([b]);
});
