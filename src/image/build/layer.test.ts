import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sha256Of } from '../config-document.ts';
import { writeTar } from '../embedded/tar-writer.ts';
import { StoreFixture } from '../store.fixture.ts';
import { EMPTY_DIFF_ID, layerStream, storeLayer } from './layer.ts';

const TAR = writeTar([{ path: 'file', mode: 0o644, content: Buffer.alloc(300_000, 'text ') }]);
const { signal } = new AbortController();

let store: StoreFixture;
beforeEach(() => {
  store = new StoreFixture();
});
afterEach(() => store.remove());

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

test('a layer unpacks to its tar, and knows both digests and its size', async () => {
  const { stream, made } = layerStream(pieces(TAR, 1000));
  const bytes = await read(stream);
  expect(gunzipSync(bytes)).toEqual(Buffer.from(TAR));
  expect(made()).toEqual({
    descriptor: {
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest: sha256Of(bytes),
      sizeBytes: bytes.length,
    },
    diffId: sha256Of(TAR),
  });
  expect(made()).toBe(made());
});

test('one tar is one layer, however it comes', async () => {
  const [one, other] = [layerStream(pieces(TAR, 512)), layerStream(pieces(TAR, 7777))];
  expect(await read(one.stream)).toEqual(await read(other.stream));
});

test('a layer that is stored is held before it is there', async () => {
  const { blobs } = store.open();
  const held: string[] = [];
  const lease = {
    hold: async (digests: readonly string[]) => {
      expect(await blobs.digests()).toEqual([]);
      held.push(...digests);
    },
    digests: () => [],
    release: () => {},
  };
  const { descriptor } = await storeLayer(pieces(TAR, 1000), { blobs, lease }, signal);
  expect(held).toEqual([descriptor.digest]);
  expect(await blobs.sizeOf(descriptor.digest)).toBe(descriptor.sizeBytes);
});

test('what breaks off leaves nothing, and is told as it was', async () => {
  const images = store.open();
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield TAR.subarray(0, 100_000);
    throw new Error('the container has gone');
  }
  const lease = images.lease();
  await expect(storeLayer(broken(), { blobs: images.blobs, lease }, signal)).rejects.toThrow('the container has gone');
  lease.release();
  expect(await store.files()).toEqual([]);
});

test('an archive with nothing but its end has the digest of an empty layer', () => {
  expect(sha256Of(Buffer.alloc(1024))).toBe(EMPTY_DIFF_ID);
});
