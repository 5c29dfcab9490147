import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { constants } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type BuiltImage, buildImage } from './built-image.fixture.ts';
import { writeTar } from './embedded/tar-writer.ts';
import { FakeRegistry } from './fake-registry.fixture.ts';
import type { PullProgress } from './images.ts';
import { StoreFixture } from './store.fixture.ts';

let registry: FakeRegistry;
let store: StoreFixture;

beforeEach(async () => {
  registry = await FakeRegistry.start();
  store = new StoreFixture();
});

afterEach(async () => {
  // Whatever went wrong, no worker, no tree, no blob and no name may be left: bytes of layers to go on with at most.
  expect(store.openWorkers).toBe(0);
  expect((await store.files()).filter((path) => !path.startsWith('blobs/ingest/'))).toEqual([]);
  expect(await store.open().list()).toEqual([]);
  store.remove();
  await registry.stop();
});

const SMALL = writeTar([{ path: 'small', mode: 0o644, content: Buffer.from('small') }]);
const LARGE = writeTar([{ path: 'large', mode: 0o644, content: randomBytes(600_000) }]);

function push(image: BuiltImage = buildImage([SMALL, LARGE])): { reference: string; large: string; image: BuiltImage } {
  registry.push('app', '1', image);
  return { reference: `${registry.host}/app:1`, large: image.layers.at(-1)?.digest ?? '-', image };
}

/** Lets the registry answer requests for a path in its own way. */
function answer(fragment: string, respond: (response: ServerResponse) => void): void {
  registry.misbehave = (request, response) => {
    if (!(request.url ?? '').includes(fragment)) return false;
    respond(response);
    return true;
  };
}

/** Bytes of a layer that lie here to go on with. */
async function partOf(digest: string): Promise<number | undefined> {
  const path = join(store.root, 'blobs/ingest', digest.slice('sha256:'.length));
  return await stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}

test('an unknown tag is not found, by name', async () => {
  push();
  await expect(store.open().pull(`${registry.host}/app:2`)).rejects.toMatchObject({
    kind: 'not-found',
    message: `image ${registry.host}/app:2 was not found in registry ${registry.host}`,
  });
});

test.each([
  ['text/plain', 'registry.notPlain', 'https://'],
  ['application/json', 'registry.failing', 'again later'],
])('HTTP 400 as %s to plain HTTP is %s', async (type, code, remedy) => {
  const { reference } = push();
  answer('/manifests/', (response) => response.writeHead(400, { 'content-type': type }).end('this port speaks TLS'));
  await expect(store.open().pull(reference)).rejects.toMatchObject({
    ...{ code, message: expect.stringContaining('this port speaks TLS') },
    remedy: expect.stringContaining(remedy),
  });
});

test('a registry that is down is unavailable', async () => {
  const { host } = registry;
  await registry.stop();
  await expect(store.open().pull(`${host}/app:1`)).rejects.toMatchObject({
    kind: 'unavailable',
    message: `cannot reach registry ${host}: connection refused`,
  });
  registry = await FakeRegistry.start();
});

test.each([401, 403])('HTTP %d is permission denied, with what the registry says', async (status) => {
  const { reference } = push();
  answer('/manifests/', (response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end('{"errors":[{"code":"DENIED","message":"pull access denied"}]}');
  });
  await expect(store.open().pull(reference)).rejects.toMatchObject({
    kind: 'permission-denied',
    message: expect.stringContaining(`(HTTP ${status}: pull access denied)`),
  });
});

test.each([429, 500, 503])('HTTP %d is unavailable', async (status) => {
  const { reference, large } = push();
  answer(large, (response) => response.writeHead(status).end('sorry'));
  await expect(store.open().pull(reference)).rejects.toMatchObject({
    kind: 'unavailable',
    message: expect.stringContaining(`HTTP ${status}: sorry`),
  });
});

test('each time that a registry is asked once more is told, and how often it will be', async () => {
  const { reference, large } = push();
  answer(large, (response) => response.writeHead(503).end('sorry'));
  const told: PullProgress[] = [];
  const onProgress = (event: PullProgress): void => void told.push(event);
  await expect(store.open({}, { requestAttempts: 3 }).pull(reference, { onProgress })).rejects.toThrow('HTTP 503');
  const reason = `registry ${registry.host} answered HTTP 503`;
  expect(told.filter(({ kind }) => kind === 'retry')).toEqual([
    { kind: 'retry', reason, attempt: 2, attempts: 3, delayMs: expect.any(Number) },
    { kind: 'retry', reason, attempt: 3, attempts: 3, delayMs: expect.any(Number) },
  ]);
});

test('a lost blob is data loss and not an unknown image', async () => {
  const { reference, large } = push();
  answer(large, (response) => response.writeHead(404).end());
  await expect(store.open().pull(reference)).rejects.toMatchObject({ kind: 'data-loss', code: 'registry.unknownBlob' });
});

test('a layer with a wrong digest names both digests', async () => {
  const { reference, large, image } = push();
  const bytes = Buffer.from(image.layers[1]?.bytes ?? '');
  bytes[bytes.length - 1000] = (bytes[bytes.length - 1000] ?? 0) ^ 1;
  answer(large, (response) => response.end(bytes));
  const error = await store
    .open()
    .pull(reference)
    .catch((failure) => failure);
  expect(error).toMatchObject({ kind: 'data-loss', code: 'image-content.wrongDigest', details: { expected: large } });
  expect(error.message).toContain(error.details.actual);
  expect(await partOf(large)).toBeUndefined();
});

test('bytes that are not even gzip are reported by their digest', async () => {
  const { reference, large, image } = push();
  answer(large, (response) => response.end(randomBytes(image.layers[1]?.bytes.length ?? 0)));
  await expect(store.open().pull(reference)).rejects.toMatchObject({ code: 'image-content.wrongDigest' });
});

test('a plain layer that cannot be unpacked because its bytes are wrong is reported by its digest', async () => {
  const { reference, large } = push(buildImage([LARGE], { compress: false }));
  answer(large, (response) => response.end(randomBytes(LARGE.length)));
  store.unpacking = { fail: { errno: constants.errno.EBADMSG, entry: '' } };
  await expect(store.open().pull(reference)).rejects.toMatchObject({ code: 'image-content.wrongDigest' });
});

test.each(['content-length', 'chunked'])('a layer that ends early (%s) says how much came', async (framing) => {
  const { reference, large, image } = push();
  const bytes = image.layers[1]?.bytes ?? Buffer.alloc(0);
  answer(large, (response) => {
    if (framing === 'chunked') {
      response.end(bytes.subarray(0, 70_000));
      return;
    }
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, 70_000), () => response.destroy());
  });
  await expect(store.open().pull(reference)).rejects.toMatchObject({
    code: 'image-content.truncated',
    details: { expectedBytes: bytes.length, actualBytes: expect.any(Number) },
  });
  expect(await partOf(large)).toBeGreaterThan(0);
});

test('a layer that is longer than it should be is refused', async () => {
  const { reference, large, image } = push();
  answer(large, (response) => response.end(Buffer.concat([image.layers[1]?.bytes ?? SMALL, SMALL])));
  await expect(store.open().pull(reference)).rejects.toMatchObject({ code: 'image-content.tooLong' });
  expect(await partOf(large)).toBeUndefined();
});

test('a connection that drops before any answer is unavailable', async () => {
  const { reference } = push();
  answer('/manifests/', (response) => response.destroy());
  await expect(store.open().pull(reference)).rejects.toMatchObject({ kind: 'unavailable' });
});

test('a manifest that breaks off is data loss', async () => {
  const { reference, image } = push();
  answer('/manifests/', (response) => {
    response.writeHead(200, { 'content-type': image.manifest.mediaType, 'content-length': 5000 });
    response.write(image.manifest.bytes, () => response.destroy());
  });
  await expect(store.open().pull(reference)).rejects.toMatchObject({ code: 'registry.cutShort' });
});

test('a manifest without end is refused at its bound', async () => {
  const { reference } = push();
  answer('/manifests/', (response) => {
    response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' });
    response.on('error', () => {});
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, ' ')));
    };
    response.on('drain', more);
    more();
  });
  await expect(store.open().pull(reference)).rejects.toMatchObject({
    kind: 'resource-exhausted',
    code: 'registry.answerTooLarge',
  });
});

test('a transfer without progress is given up', async () => {
  const { reference, large, image } = push();
  answer(large, (response) => response.write(image.layers[1]?.bytes.subarray(0, 1000)));
  await expect(store.open({}, { stallMs: 150 }).pull(reference)).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'registry.stalled',
  });
});

test('a registry that accepts and never answers is asked twice, and given up', async () => {
  const { reference } = push();
  answer('/manifests/', () => {});
  const attempts: number[] = [];
  const onProgress = (event: PullProgress): void => void (event.kind === 'retry' && attempts.push(event.attempts));
  await expect(store.open({}, { stallMs: 150 }).pull(reference, { onProgress })).rejects.toMatchObject({
    code: 'registry.stalled',
  });
  expect(attempts).toEqual([2]);
});

test('a layer that does not unpack to its diff id names both', async () => {
  const wrong = `sha256:${'0'.repeat(64)}`;
  const { reference, image } = push(buildImage([LARGE], { diffIds: [wrong] }));
  await expect(store.open().pull(reference)).rejects.toMatchObject({
    kind: 'data-loss',
    details: { expected: wrong, actual: image.layers[0]?.diffId },
  });
});

test('a worker that answers before the layer has ended does not spare the rest its check', async () => {
  const { reference } = push(buildImage([LARGE], { diffIds: [`sha256:${'0'.repeat(64)}`] }));
  store.unpacking = { early: true };
  await expect(store.open().pull(reference)).rejects.toMatchObject({ code: 'image-layer.wrongDiffId' });
});

test('a small archive that would fill the disk is refused', async () => {
  const bomb = writeTar([{ path: 'zeros', mode: 0o644, content: Buffer.alloc(4 << 20) }]);
  const { reference } = push(buildImage([SMALL, bomb]));
  expect(gzipSync(bomb).length).toBeLessThan(30_000);
  await expect(store.open({}, { freeInflatedBytes: 1 << 20 }).pull(reference)).rejects.toMatchObject({
    kind: 'resource-exhausted',
    code: 'image-compression.inflatesTooMuch',
  });
});

test.each([
  ['ENOSPC', 'resource-exhausted', 'no space left'],
  ['E2BIG', 'resource-exhausted', 'more than 1000000 entries'],
  ['EFBIG', 'resource-exhausted', 'bytes unpacked'],
  ['EMSGSIZE', 'resource-exhausted', 'headers of more than'],
  ['EINVAL', 'data-loss', 'at ../../etc/passwd: EINVAL'],
  ['EBADMSG', 'data-loss', 'is no tar archive, or a damaged one, from ../../etc/passwd on'],
] as const)('an unpacker that fails with %s is %s: %s', async (name, kind, message) => {
  const { reference, large } = push();
  store.unpacking = { fail: { errno: constants.errno[name], entry: '../../etc/passwd', afterBytes: 4096 } };
  await expect(store.open().pull(reference)).rejects.toMatchObject({ kind, message: expect.stringContaining(message) });
  expect(await partOf(large)).toBeUndefined();
});

test('an image with too many layers is refused', async () => {
  const { reference } = push(buildImage(Array.from({ length: 128 }, () => SMALL)));
  await expect(store.open().pull(reference)).rejects.toMatchObject({ code: 'manifest.tooMany' });
});

test('a pull that is cancelled leaves nothing', async () => {
  const { reference, large, image } = push();
  const cancel = new AbortController();
  answer(large, (response) => {
    response.write(image.layers[1]?.bytes.subarray(0, 200_000));
    setTimeout(() => cancel.abort(), 30);
  });
  await expect(store.open().pull(reference, { signal: cancel.signal })).rejects.toMatchObject({
    kind: 'cancelled',
    message: expect.stringContaining(reference),
  });
});

test('a pull that was cancelled can be started again at once', async () => {
  const { reference, large } = push();
  const images = store.open();
  const cancel = new AbortController();
  answer(large, () => cancel.abort());
  const first = images.pull(reference, { signal: cancel.signal });
  await expect(first).rejects.toMatchObject({ kind: 'cancelled' });
  answer(large, (response) => response.writeHead(500).end());
  await expect(images.pull(reference)).rejects.toMatchObject({ kind: 'unavailable' });
});
