import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildImage } from './built-image.fixture.ts';
import { sha256Of } from './config-document.ts';
import { writeTar } from './embedded/tar-writer.ts';
import { FakeRegistry } from './fake-registry.fixture.ts';
import type { ImageLimits } from './limits.ts';
import { StoreFixture } from './store.fixture.ts';

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

const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';
const TAR = Buffer.from(writeTar([{ path: 'large', mode: 0o644, content: randomBytes(600_000) }]));
const SKIPPABLE = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]);

/** Pulls an image of one layer, of these bytes under this type, whose config says that it unpacks to `tar`. */
async function pull(bytes: Buffer, layerType: string, tar = TAR, limits: Partial<ImageLimits> = {}): Promise<Buffer> {
  registry.push('app', '1', buildImage([bytes], { compress: false, layerType, diffIds: [sha256Of(tar)] }));
  const images = store.open({}, limits);
  const image = await images.pull(`${registry.host}/app:1`);
  return await readFile(`${images.layerDirectory(image.chainIds[0] ?? image.id)}/tar`);
}

test.each([
  [
    'gzip of several members',
    `${OCI_LAYER}+gzip`,
    Buffer.concat([gzipSync(TAR.subarray(0, 900)), gzipSync(TAR.subarray(900))]),
  ],
  ['zstd', `${OCI_LAYER}+zstd`, zstdCompressSync(TAR)],
  ['zstd under its Docker type', 'application/vnd.docker.image.rootfs.diff.tar.zstd', zstdCompressSync(TAR)],
  [
    'zstd of several frames, one to be skipped',
    `${OCI_LAYER}+zstd`,
    Buffer.concat([zstdCompressSync(TAR.subarray(0, 900)), SKIPPABLE, zstdCompressSync(TAR.subarray(900))]),
  ],
  ['plain tar that is called gzip', `${OCI_LAYER}+gzip`, TAR],
  ['zstd that is called gzip', 'application/vnd.docker.image.rootfs.diff.tar.gzip', zstdCompressSync(TAR)],
  ['gzip that is called plain', OCI_LAYER, gzipSync(TAR)],
])('%s is unpacked for what it is', async (_name, layerType, bytes) => {
  expect((await pull(bytes, layerType)).equals(TAR)).toBe(true);
});

/** A tar of GNU's, padded to records, in frames as zstd:chunked has them: its headers, a file each, its end, and a table to be skipped. */
function chunked(tar: Buffer): Buffer {
  const cuts = [0, 512, 512, tar.length >> 1, tar.length - 512, tar.length];
  const frames = cuts.slice(1).map((to, at) => zstdCompressSync(tar.subarray(cuts[at], to)));
  return Buffer.concat([...frames, SKIPPABLE, SKIPPABLE]);
}
const RECORD_BYTES = 10_240;
const PADDED = Buffer.concat([TAR, Buffer.alloc(RECORD_BYTES - (TAR.length % RECORD_BYTES))]);

test('zstd:chunked of a tar that is padded to records is unpacked', async () => {
  expect((await pull(chunked(PADDED), `${OCI_LAYER}+zstd`, PADDED)).equals(PADDED)).toBe(true);
});

test('zstd:chunked whose writer lost no more than the padding is unpacked for what the config names', async () => {
  expect(TAR.length % RECORD_BYTES).not.toBe(0);
  expect((await pull(chunked(TAR), `${OCI_LAYER}+zstd`, PADDED)).equals(TAR)).toBe(true);
});

test.each([
  ['content', TAR.subarray(0, 5120)],
  ['more than zeros', Buffer.concat([TAR.subarray(0, -2048), Buffer.alloc(512)])],
])('a layer that lacks %s of what the config names is refused with both digests', async (_what, bytes) => {
  const details = { expected: sha256Of(PADDED), actual: sha256Of(bytes) };
  await expect(pull(chunked(bytes), `${OCI_LAYER}+zstd`, PADDED)).rejects.toMatchObject({
    code: 'image-layer.wrongDiffId',
    details,
    message: expect.stringMatching(new RegExp(`${details.expected}.*${details.actual}`)),
  });
});

test('bytes that are neither compressed nor a tar are refused under a type that promises a compression', async () => {
  await expect(pull(randomBytes(300_000), `${OCI_LAYER}+gzip`)).rejects.toMatchObject({
    kind: 'data-loss',
    code: 'image-media-type.notCompressed',
    details: { compression: 'gzip', mediaType: `${OCI_LAYER}+gzip` },
  });
});

test('a layer with the right digest whose gzip is damaged says so', async () => {
  const bytes = gzipSync(TAR);
  bytes[1000] = (bytes[1000] ?? 0) ^ 0xff;
  await expect(pull(bytes, `${OCI_LAYER}+gzip`)).rejects.toMatchObject({
    code: 'image-compression.damaged',
  });
});

test('a small archive of zstd that would fill the disk is refused', async () => {
  const bomb = Buffer.from(writeTar([{ path: 'zeros', mode: 0o644, content: Buffer.alloc(4 << 20) }]));
  const packed = zstdCompressSync(bomb);
  expect(packed.length).toBeLessThan(30_000);
  await expect(pull(packed, `${OCI_LAYER}+zstd`, bomb, { freeInflatedBytes: 1 << 20 })).rejects.toMatchObject({
    kind: 'resource-exhausted',
    code: 'image-compression.inflatesTooMuch',
  });
});

test('layers of a type that nobody knows are refused by name before anything is fetched', async () => {
  const bytes = gzipSync(TAR);
  await expect(pull(bytes, `${OCI_LAYER}+lz9`)).rejects.toMatchObject({
    kind: 'unimplemented',
    message: expect.stringContaining(`${OCI_LAYER}+lz9`),
  });
  expect(registry.countOf(sha256Of(bytes))).toBe(0);
});
