import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Digest } from '../../model/digest.ts';
import { defineErrors } from '../../model/error.ts';
import { type BuiltImage, buildImage } from '../built-image.fixture.ts';
import { writeTar } from '../embedded/tar-writer.ts';
import type { Images } from '../images.ts';
import { StoreFixture } from '../store.fixture.ts';
import { MemorySource } from './memory-source.fixture.ts';

let store: StoreFixture;

beforeEach(() => {
  store = new StoreFixture();
});

afterEach(() => {
  expect(store.openWorkers).toBe(0);
  store.remove();
});

const { broken } = defineErrors('test', {
  broken: { kind: 'unavailable', message: () => 'the connection broke' },
});

function tar(name: string, bytes = 300_000): Uint8Array {
  return writeTar([{ path: name, mode: 0o644, content: randomBytes(bytes) }]);
}

function breakAt(source: MemorySource, byte: number): void {
  source.before = (_digest, at) => {
    if (at >= byte) throw broken();
  };
}

function partPath(digest: Digest | undefined): string {
  return join(store.root, 'blobs/ingest', (digest ?? '').slice('sha256:'.length));
}

async function expectWhole(images: Images, built: BuiltImage): Promise<void> {
  const image = await images.find(built.config.digest);
  for (const [index, chainId] of (image?.chainIds ?? []).entries()) {
    expect(await readFile(join(images.layerDirectory(chainId), 'digest'), 'utf8')).toBe(built.layers[index]?.diffId);
  }
  for (const { digest, bytes } of built.layers) {
    expect(await readFile(join(store.root, 'blobs/sha256', digest.slice(7)))).toEqual(bytes);
  }
  expect(image?.chainIds).toHaveLength(built.layers.length);
  expect((await store.files()).filter((path) => path.includes('ingest/') || path.includes('tmp-'))).toEqual([]);
}

test('a pull that broke off goes on at the byte it reached, in another process too', async () => {
  const built = buildImage([tar('large')]);
  const [layer] = built.layers;
  const source = new MemorySource(built);
  breakAt(source, 100_000);
  await expect(store.open().fetch(() => source.open(), ['app'])).rejects.toMatchObject({ code: 'test.broken' });
  expect((await stat(partPath(layer?.digest))).size).toBe(100_000);
  const later = store.open();
  await later.recover();
  breakAt(source, 200_000);
  await expect(later.fetch(() => source.open(), ['app'])).rejects.toMatchObject({ code: 'test.broken' });
  source.before = () => {};
  await later.fetch(() => source.open(), ['app']);
  expect(source.began.map(({ startByte }) => startByte)).toEqual([0, 100_000, 200_000]);
  expect(source.sentOf(layer?.digest)).toBe(layer?.bytes.length);
  await expectWhole(later, built);
});

test('a pull that was cancelled goes on where it was', async () => {
  const built = buildImage([tar('large')]);
  const source = new MemorySource(built);
  const cancel = new AbortController();
  source.before = (_digest, at, signal) => {
    if (at >= 50_000) cancel.abort();
    signal.throwIfAborted();
  };
  const images = store.open();
  await expect(images.fetch(() => source.open(), ['app'], { signal: cancel.signal })).rejects.toMatchObject({
    kind: 'cancelled',
  });
  source.before = () => {};
  await images.fetch(() => source.open(), ['app']);
  expect(source.began.at(-1)?.startByte).toBeGreaterThanOrEqual(50_000);
  await expectWhole(images, built);
});

test.each([true, false])(
  'wrong bytes that lie here are thrown away, and the layer is fetched anew (gzip: %s)',
  async (compress) => {
    const built = buildImage([tar('large')], { compress });
    const [layer] = built.layers;
    const source = new MemorySource(built);
    await mkdir(join(store.root, 'blobs/ingest'), { recursive: true });
    await writeFile(partPath(layer?.digest), randomBytes(70_000));
    const images = store.open();
    await images.fetch(() => source.open(), ['app']);
    expect(source.began.map(({ startByte }) => startByte)).toEqual([70_000, 0]);
    await expectWhole(images, built);
  },
);

test('wrong bytes here and a source that breaks off leave an error of the source, and nothing wrong', async () => {
  const built = buildImage([tar('large')]);
  const [layer] = built.layers;
  const source = new MemorySource(built);
  await mkdir(join(store.root, 'blobs/ingest'), { recursive: true });
  await writeFile(partPath(layer?.digest), randomBytes(70_000));
  source.before = (_digest, at) => {
    if (source.began.length > 1 && at >= 30_000) throw broken();
  };
  const images = store.open();
  await expect(images.fetch(() => source.open(), ['app'])).rejects.toMatchObject({ code: 'test.broken' });
  expect(await readFile(partPath(layer?.digest))).toEqual(layer?.bytes.subarray(0, 30_000));
});

test('more bytes than the layer has are thrown away', async () => {
  const built = buildImage([tar('large', 1000)]);
  const [layer] = built.layers;
  const source = new MemorySource(built);
  await mkdir(join(store.root, 'blobs/ingest'), { recursive: true });
  await writeFile(partPath(layer?.digest), Buffer.concat([layer?.bytes ?? Buffer.alloc(0), Buffer.from('x')]));
  const images = store.open();
  await images.fetch(() => source.open(), ['app']);
  expect(source.began.map(({ startByte }) => startByte)).toEqual([0]);
  await expectWhole(images, built);
});

test('a layer whose bytes were all here needs none of the source', async () => {
  const built = buildImage([tar('large')]);
  const [layer] = built.layers;
  const source = new MemorySource(built);
  await mkdir(join(store.root, 'blobs/ingest'), { recursive: true });
  await writeFile(partPath(layer?.digest), layer?.bytes ?? '');
  const images = store.open();
  await images.fetch(() => source.open(), ['app']);
  expect(source.began).toEqual([]);
  await expectWhole(images, built);
});

test('a blob that was damaged is found when it is unpacked again, and fetched anew', async () => {
  const built = buildImage([tar('large')]);
  const [layer] = built.layers;
  const source = new MemorySource(built);
  const images = store.open();
  const image = await images.fetch(() => source.open(), ['app']);
  const path = join(store.root, 'blobs/sha256', layer?.digest.slice(7) ?? '');
  const bytes = Buffer.from(layer?.bytes ?? '');
  bytes[5000] = (bytes[5000] ?? 0) ^ 1;
  await writeFile(path, bytes);
  await rm(images.layerDirectory(image.chainIds[0] as Digest), { recursive: true });
  await images.fetch(() => source.open(), ['app']);
  expect(source.began).toHaveLength(2);
  await expectWhole(images, built);
});

test('two images that share a layer fetch it once, though they are pulled at the same time', async () => {
  const shared = tar('shared');
  const first = buildImage([shared, tar('one', 100)]);
  const second = buildImage([tar('two', 100), shared]);
  const sources = [new MemorySource(first), new MemorySource(second)] as const;
  const images = store.open();
  await Promise.all([images.fetch(() => sources[0].open(), ['one']), images.fetch(() => sources[1].open(), ['two'])]);
  const digest = first.layers[0]?.digest;
  expect(sources[0].sentOf(digest) + sources[1].sentOf(digest)).toBe(first.layers[0]?.bytes.length);
  await expectWhole(images, first);
  await expectWhole(images, second);
});

test('a layer that is twice in an image is fetched once', async () => {
  const twice = tar('twice');
  const built = buildImage([twice, tar('between', 100), twice]);
  const source = new MemorySource(built);
  const images = store.open();
  await images.fetch(() => source.open(), ['app']);
  expect(source.sentOf(built.layers[0]?.digest)).toBe(built.layers[0]?.bytes.length);
  await expectWhole(images, built);
});

test('an image that an older version pulled stays, and a pull fetches its blobs without unpacking', async () => {
  const built = buildImage([tar('one'), tar('two')]);
  const source = new MemorySource(built);
  const image = await store.open().fetch(() => source.open(), ['app']);
  const list = join(store.root, 'images.json');
  const content = JSON.parse(await readFile(list, 'utf8'));
  for (const record of content.images) {
    for (const field of ['manifest', 'layers', 'storedAtMs', 'repositories']) delete record[field];
  }
  await writeFile(list, JSON.stringify(content));
  for (const { digest } of built.layers) await rm(join(store.root, 'blobs/sha256', digest.slice(7)));
  const images = store.open();
  await images.recover();
  expect(await images.find('app')).toEqual(image);
  const [layer] = built.layers;
  const descriptor = { mediaType: '', digest: layer?.digest as Digest, sizeBytes: layer?.bytes.length ?? 0 };
  const kept = (await images.source('app')).blob(descriptor, new AbortController().signal);
  await expect(kept[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    kind: 'not-found',
    remedy: expect.stringContaining('isopod pull app'),
  });
  const trees = await Promise.all(image.chainIds.map(async (id) => (await stat(images.layerDirectory(id))).ino));
  await images.fetch(() => source.open(), ['app']);
  expect(await Promise.all(image.chainIds.map(async (id) => (await stat(images.layerDirectory(id))).ino))).toEqual(
    trees,
  );
  await expectWhole(images, built);
});
