import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Digest } from '../../model/digest.ts';
import { buildImage } from '../built-image.fixture.ts';
import { writeTar } from '../embedded/tar-writer.ts';
import { FakeRegistry } from '../fake-registry.fixture.ts';
import type { Images } from '../images.ts';
import { sourceContract } from '../source.contract.ts';
import { StoreFixture } from '../store.fixture.ts';

let registry: FakeRegistry;
let store: StoreFixture;

beforeEach(async () => {
  registry = await FakeRegistry.start();
  store = new StoreFixture();
});

afterEach(async () => {
  expect(store.openWorkers).toBe(0);
  store.remove();
  await registry.stop();
});

const { signal } = new AbortController();

function tar(name: string): Uint8Array {
  return writeTar([{ path: name, mode: 0o644, content: Buffer.from(name) }]);
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100);
}

async function read(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

async function pullOne(images: Images) {
  const built = buildImage([tar('base'), tar('top')]);
  registry.push('app', '1', built);
  const text = `${registry.host}/app:1`;
  return { built, text, image: await images.pull(text) };
}

sourceContract('the store', async () => {
  const served = await FakeRegistry.start();
  const fixture = new StoreFixture();
  served.push('app', '1', buildImage([tar('base')]));
  const images = fixture.open();
  await images.pull(`${served.host}/app:1`);
  return {
    source: await images.source(`${served.host}/app:1`),
    dispose: async () => {
      fixture.remove();
      await served.stop();
    },
  };
});

test('layers are kept as they came, and read from any byte', async () => {
  const images = store.open();
  const { built } = await pullOne(images);
  for (const { digest, bytes } of built.layers) {
    expect(await images.blobs.sizeOf(digest)).toBe(bytes.length);
    expect(await read(images.blobs.read(digest, 7))).toEqual(bytes.subarray(7));
    expect(await readFile(join(store.root, 'blobs/sha256', digest.slice(7)))).toEqual(bytes);
  }
  expect((await store.files()).filter((path) => path.includes('ingest/'))).toEqual([]);
});

test('the store is an OCI layout that names its images', async () => {
  const { built, text } = await pullOne(store.open());
  expect(JSON.parse(await readFile(join(store.root, 'oci-layout'), 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' });
  expect(JSON.parse(await readFile(join(store.root, 'index.json'), 'utf8'))).toMatchObject({
    schemaVersion: 2,
    manifests: [
      {
        mediaType: built.manifest.mediaType,
        digest: built.manifest.digest,
        size: built.manifest.bytes.length,
        annotations: { 'org.opencontainers.image.ref.name': text },
      },
    ],
  });
});

test('an image of the store is pulled from it as from any layout', async () => {
  const { image, text } = await pullOne(store.open());
  const other = new StoreFixture();
  try {
    expect((await other.open().pull(`oci:${store.root}:${text}`)).id).toBe(image.id);
  } finally {
    other.remove();
  }
});

test('what is written is verified, and nothing stays of what is wrong', async () => {
  const { blobs } = store.open();
  const [layer] = buildImage([tar('base')]).layers;
  const descriptor = { mediaType: '', digest: layer?.digest as Digest, sizeBytes: layer?.bytes.length ?? 0 };
  const wrong = Buffer.alloc(descriptor.sizeBytes);
  await expect(blobs.write(descriptor, chunksOf(wrong), signal)).rejects.toMatchObject({
    code: 'image-content.wrongDigest',
  });
  expect(await store.files()).toEqual([]);
  await blobs.write(descriptor, chunksOf(layer?.bytes ?? wrong), signal);
  expect(await read(blobs.read(descriptor.digest))).toEqual(layer?.bytes);
});

test('content without a known digest gets the one that it has', async () => {
  const { blobs } = store.open();
  const bytes = Buffer.from('what came');
  const { digest, sizeBytes } = await blobs.create(chunksOf(bytes), signal);
  expect(sizeBytes).toBe(bytes.length);
  expect(await read(blobs.read(digest))).toEqual(bytes);
});

test('an image made of blobs that are here is adopted under its names, and its layers are unpacked', async () => {
  const images = store.open();
  const { text } = await pullOne(images);
  const built = buildImage([tar('new base'), tar('new top')]);
  const lease = images.lease();
  for (const { digest, bytes } of built.layers) {
    await lease.hold([digest]);
    await images.blobs.write({ mediaType: '', digest, sizeBytes: bytes.length }, chunksOf(bytes), signal);
  }
  // A collection in between leaves what is held.
  await images.remove(text, () => new Set());
  const image = await images.adopt({ manifest: built.manifest.bytes, config: built.config.bytes }, ['one', 'two:2']);
  lease.release();
  expect(image).toMatchObject({
    id: built.config.digest,
    references: ['docker.io/library/one:latest', 'docker.io/library/two:2'],
  });
  for (const chainId of image.chainIds) await readFile(join(images.layerDirectory(chainId), 'tar'));
});

test('an image whose layers nobody wrote is not adopted, and the missing one is named', async () => {
  const images = store.open();
  const built = buildImage([tar('base')]);
  await expect(
    images.adopt({ manifest: built.manifest.bytes, config: built.config.bytes }, ['one']),
  ).rejects.toMatchObject({
    kind: 'not-found',
    details: { digest: built.layers[0]?.digest },
  });
  expect(await images.list()).toEqual([]);
});

test('an image gets one more name, and another one loses that', async () => {
  const images = store.open();
  const { text, image } = await pullOne(images);
  registry.push('app', '2', buildImage([tar('other')]));
  await images.pull(`${registry.host}/app:2`);
  const tagged = await images.tag(text, `${registry.host}/app:2`);
  expect(tagged).toMatchObject({ id: image.id, references: [text, `${registry.host}/app:2`] });
  expect((await images.tag(image.id.slice(7, 19), 'mine')).references).toContain('docker.io/library/mine:latest');
  expect((await store.open().find('mine'))?.id).toBe(image.id);
  expect((await images.list()).map(({ references }) => references.length).sort()).toEqual([0, 3]);
});

test.each([
  ['a digest', `app@sha256:${'0'.repeat(64)}`],
  ['a place', 'oci:/some/where'],
])('a name that holds %s is refused', async (_what, name) => {
  const images = store.open();
  const { text } = await pullOne(images);
  await expect(images.tag(text, name)).rejects.toMatchObject({ kind: 'invalid-argument', code: 'images.notATag' });
});

test('what is not here gets no name and is no source', async () => {
  const images = store.open();
  await expect(images.tag('nothing', 'mine')).rejects.toMatchObject({ kind: 'not-found' });
  await expect(images.source('nothing')).rejects.toMatchObject({ kind: 'not-found' });
});

test('content that is not kept of an image which is told by its id is no content that could be pulled by that', async () => {
  const images = store.open();
  const { built, image, text } = await pullOne(images);
  const [layer] = built.layers;
  await images.blobs.remove(layer?.digest as Digest);
  const descriptor = { mediaType: '', digest: layer?.digest as Digest, sizeBytes: layer?.bytes.length ?? 0 };
  const remedyOf = async (name: string): Promise<string> => {
    const { signal } = new AbortController();
    const reading = read((await images.source(name)).blob(descriptor, signal));
    return await reading.then(String, (error) => error.remedy);
  };
  expect(await remedyOf(text)).toContain(`isopod pull ${text}`);
  expect(await remedyOf(image.id)).toBe(`isopod image verify ${image.id} tells what brings it back`);
});
