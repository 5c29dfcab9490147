import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { buildImage } from '../../src/image/built-image.fixture.ts';
import { FakeRegistry } from '../../src/image/fake-registry.fixture.ts';
import type { Images } from '../../src/image/images.ts';
import { failsForRoom } from '../support/full-disk.ts';
import { type ImageHost, imageHost } from '../support/image-host.ts';
import { tarArchive } from '../support/tar-writer.ts';

const DISK_KIB = 8192;
const PAGE_BYTES = 4096;

let host: ImageHost;
let registry: FakeRegistry;

const BUILT = buildImage(
  ['one', 'two'].map((name) => tarArchive([{ name: `${name}/large`, data: randomBytes(500_000) }])),
);

beforeAll(async () => {
  host = await imageHost();
  registry = await FakeRegistry.start();
  registry.push('app', '1', BUILT);
});

afterAll(async () => {
  await host.dispose();
  await registry.stop();
});

beforeEach(() => {
  mkdirSync(host.root, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_KIB}k`, 'isopod-test', host.root]);
});

afterEach(() => {
  execFileSync('umount', [host.root]);
});

function reference(): string {
  return `${registry.host}/app:1`;
}

function filler(): string {
  return join(host.root, 'filler');
}

/** Takes all of the disk but so much. */
function leave(bytes: number): void {
  const { bsize, bavail } = statfsSync(host.root);
  const taken = Math.max(0, bsize * bavail - bytes);
  writeFileSync(filler(), Buffer.alloc(taken - (taken % PAGE_BYTES), 1));
}

async function verified(images: Images): Promise<void> {
  const context = { inUse: () => new Set<never>(), signal: new AbortController().signal };
  const found = await images.upkeep.verify({ images: [], repair: false }, context);
  expect(found.flatMap(({ faults }) => faults)).toEqual([]);
}

test('a pull on a disk that is too full, wherever it meets the end, says so and leaves nothing in the way', async () => {
  let failed = 0;
  for (const bytes of [0, 40_000, 200_000, 700_000, 1_100_000, 1_700_000, 2_050_000]) {
    const images = host.open();
    leave(bytes);
    if (await failsForRoom(images.pull(reference()))) {
      failed++;
      expect(host.unfinished()).toEqual([]);
      expect(await images.find(reference())).toBeUndefined();
    }
    rmSync(filler());
    const later = host.open();
    await later.recover();
    await later.pull(reference());
    await verified(later);
    await later.remove(reference(), () => new Set());
    expect(readdirSync(join(host.root, 'layers'))).toEqual([]);
  }
  expect(failed).toBeGreaterThan(3);
});

test('bytes that have come in part do not stay on a disk that is full', async () => {
  leave(700_000);
  await failsForRoom(host.open().pull(reference()));
  const ingest = join(host.root, 'blobs/ingest');
  const names = existsSync(ingest) ? readdirSync(ingest) : [];
  // What of the layers had come whole when the other one met the end is verified and may be gone on with.
  expect(names.length).toBeLessThan(BUILT.layers.length);
});

test('a removal on a full disk works, frees the disk, and the store is whole', async () => {
  const images = host.open();
  await images.pull(reference());
  leave(0);
  await images.remove(reference(), () => new Set());
  const { bsize, bavail } = statfsSync(host.root);
  expect(bsize * bavail).toBeGreaterThan(1_500_000);
  const later = host.open();
  await later.recover();
  await verified(later);
  expect(await later.list()).toEqual([]);
  expect(readdirSync(join(host.root, 'blobs/sha256'))).toEqual([]);
});

test('so does a prune, and one of a store that has kept no room for it', async () => {
  const all = { all: true, excluded: [], labels: [], withoutLabels: [], dryRun: false };
  for (const hasReserve of [true, false]) {
    const images = host.open();
    await images.pull(reference());
    leave(0);
    if (!hasReserve) {
      rmSync(join(host.root, 'reserve'));
      appendFileSync(filler(), Buffer.alloc(64 * 1024, 1));
    }
    const inUse = () => new Set<never>();
    const remove = (id: Parameters<Images['layerDirectory']>[0]) => images.remove(id, inUse);
    const pruned = await images.upkeep.prune(all, { inUse, remove });
    expect(pruned.deleted).toHaveLength(1);
    expect(await host.open().list()).toEqual([]);
    rmSync(filler());
  }
});

test('a start on a full disk does not fail, and loses nothing', async () => {
  await host.open().pull(reference());
  leave(0);
  const later = host.open();
  await later.recover();
  rmSync(filler());
  await later.recover();
  expect(await later.find(reference())).toBeDefined();
  await verified(later);
});

test('a verification on a full disk says so and changes nothing', async () => {
  const images = host.open();
  await images.pull(reference());
  leave(100_000);
  const context = { inUse: () => new Set<never>(), signal: new AbortController().signal };
  expect(await failsForRoom(images.upkeep.verify({ images: [], repair: true }, context))).toBe(true);
  expect(host.unfinished()).toEqual([]);
  rmSync(filler());
  await verified(images);
});
