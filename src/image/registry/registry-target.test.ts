import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import type { RegistryReference } from '../../model/image-reference.ts';
import { buildImage } from '../built-image.fixture.ts';
import { sha256Of } from '../config-document.ts';
import { FakeRegistry } from '../fake-registry.fixture.ts';
import type { Descriptor } from '../manifest.ts';
import { OCI_INDEX, OCI_MANIFEST } from '../media-types.ts';
import type { ImageTarget, ManifestContent } from '../target.ts';
import { FakeUploads } from './fake-uploads.fixture.ts';
import { Registries, type TargetOptions } from './registries.ts';

const { signal } = new AbortController();
const SMALL = randomBytes(10_000);
/** More than goes in one piece. */
const LARGE = randomBytes((4 << 20) + 300_000);

let registry: FakeRegistry;
let uploads: FakeUploads;
let target: ImageTarget;

beforeEach(async () => {
  registry = await FakeRegistry.start();
  uploads = new FakeUploads(registry);
  target = open();
});
afterEach(async () => {
  await target.close();
  await registry.stop();
});

function reference(repository = 'team/app', tag: string | undefined = '1'): RegistryReference {
  return { kind: 'registry', registry: registry.host, repository, tag, digest: undefined };
}

function open(options: TargetOptions = {}, to = reference()): ImageTarget {
  return new Registries({ ...nodeEffects(), limits: { retryDelayMs: 1, requestAttempts: 4 } }).target(to, options);
}

function describe(bytes: Buffer): Descriptor {
  return { mediaType: 'application/octet-stream', digest: sha256Of(bytes), sizeBytes: bytes.length };
}

async function* chunks(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000);
}

async function put(bytes: Buffer): Promise<void> {
  await target.putBlob(describe(bytes), () => chunks(bytes), signal);
}

const stored = (bytes: Buffer, repository = 'team/app') =>
  registry.contentOf(`/v2/${repository}/blobs/${sha256Of(bytes)}`)?.equals(bytes);

function manifestOf(document: object, mediaType = OCI_MANIFEST): ManifestContent {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...document }));
  return { mediaType, digest: sha256Of(bytes), bytes };
}

test('a small blob is sent in one piece', async () => {
  await put(SMALL);
  expect(stored(SMALL)).toBe(true);
  expect(uploads.calls.map((call) => call.split(' ')[0])).toEqual(['POST', 'PUT']);
});

test('an empty blob is sent too', async () => {
  await put(Buffer.alloc(0));
  expect(stored(Buffer.alloc(0))).toBe(true);
});

test('a large blob is sent in pieces', async () => {
  await put(LARGE);
  expect(stored(LARGE)).toBe(true);
  expect(uploads.calls.map((call) => call.split(' ')[0])).toEqual(['POST', 'PATCH', 'PUT']);
});

test('an upload that breaks off goes on at the byte that had arrived', async () => {
  uploads.breakAfter = 1_000_000;
  let sent = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks(LARGE)) {
      sent += chunk.length;
      yield chunk;
    }
  };
  await target.putBlob(describe(LARGE), counted, signal);
  expect(stored(LARGE)).toBe(true);
  expect(uploads.calls.map((call) => call.split(' ')[0])).toEqual(['POST', 'PATCH', 'GET', 'PATCH', 'PUT']);
  const last = registry.requests.filter(({ method }) => method === 'PATCH');
  expect(last).toHaveLength(2);
  expect(sent).toBeGreaterThan(LARGE.length);
});

test('an upload that the registry has forgotten is begun again', async () => {
  let forgets = 1;
  uploads.instead = (request, response) => {
    if (request.method !== 'PATCH' || forgets-- <= 0) return false;
    uploads.sessions.clear();
    response.writeHead(404).end();
    return true;
  };
  await put(LARGE);
  expect(stored(LARGE)).toBe(true);
});

test('an upload without progress is given up, and its session is cancelled', async () => {
  uploads.instead = (request, response) => {
    if (request.method !== 'PATCH') return false;
    response.writeHead(503).end();
    return true;
  };
  await expect(put(LARGE)).rejects.toMatchObject({ code: 'registry-push.brokenOff', kind: 'unavailable' });
  expect(uploads.sessions.size).toBe(0);
});

test('what the content throws is what the push throws, and nothing is stored', async () => {
  const broken = new Error('the disk is gone');
  const content = async function* (): AsyncGenerator<Uint8Array> {
    yield SMALL.subarray(0, 100);
    throw broken;
  };
  await expect(target.putBlob(describe(SMALL), content, signal)).rejects.toBe(broken);
  expect(stored(SMALL)).toBeUndefined();
  expect(uploads.sessions.size).toBe(0);
});

test('bytes that are not what their digest says are refused by the registry, in its words', async () => {
  const wrong = { ...describe(SMALL), digest: sha256Of(LARGE) };
  await expect(target.putBlob(wrong, () => chunks(SMALL), signal)).rejects.toMatchObject({
    code: 'registry-push.refusedContent',
    message: expect.stringContaining('provided digest did not match'),
  });
});

test('a registry that stores something else under another digest is not believed', async () => {
  uploads.instead = (request, response) => {
    if (request.method !== 'PUT') return false;
    request.resume().on('end', () => {
      response.writeHead(201, { 'docker-content-digest': sha256Of(LARGE) }).end();
    });
    return true;
  };
  await expect(put(SMALL)).rejects.toMatchObject({ code: 'registry-push.wrongDigest' });
  await target.putManifest(manifestOf({ config: {}, layers: [] }), 'root', signal);
  await expect(target.finish(signal)).rejects.toMatchObject({
    code: 'registry-push.wrongDigest',
  });
});

test('a blob that is there is not sent', async () => {
  await put(SMALL);
  expect(await target.hasBlob(describe(SMALL), signal)).toBe(true);
  expect(await target.hasBlob(describe(LARGE), signal)).toBe(false);
});

test('a blob of another repository is mounted', async () => {
  registry.put(`/v2/other/blobs/${sha256Of(SMALL)}`, SMALL);
  uploads.mounts = true;
  target = open({ mountFrom: ['nothing', 'other'] });
  expect(await target.hasBlob(describe(SMALL), signal)).toBe(true);
  expect(stored(SMALL)).toBe(true);
});

test('a mount that is refused becomes the upload, and one that is not used is cancelled', async () => {
  target = open({ mountFrom: ['other'] });
  expect(await target.hasBlob(describe(SMALL), signal)).toBe(false);
  expect(await target.hasBlob(describe(LARGE), signal)).toBe(false);
  expect(uploads.sessions.size).toBe(2);
  await put(SMALL);
  expect(uploads.calls.filter((call) => call.startsWith('POST'))).toHaveLength(2);
  await target.close();
  expect(uploads.sessions.size).toBe(0);
});

test('the root goes to the tag and waits for the end, a part goes to its digest', async () => {
  const image = buildImage([]);
  const part = { ...image.manifest };
  await target.putManifest(part, 'part', signal);
  await target.putManifest(manifestOf({ manifests: [] }, OCI_INDEX), 'root', signal);
  expect(registry.contentOf(`/v2/team/app/manifests/${part.digest}`)?.equals(part.bytes)).toBe(true);
  expect(registry.contentOf('/v2/team/app/manifests/1')).toBeUndefined();
  await target.finish(signal);
  expect(registry.contentOf('/v2/team/app/manifests/1')).toBeDefined();
});

test('a reference with another digest than that of the manifest is refused', async () => {
  target = open({}, { ...reference(), tag: undefined, digest: sha256Of(SMALL) });
  await expect(target.putManifest(manifestOf({}), 'root', signal)).rejects.toMatchObject({
    code: 'registry-push.digestNamed',
  });
});

test.each([true, false])('what refers to a manifest is found again, by a registry that lists it: %s', async (knows) => {
  uploads.knowsSubjects = knows;
  const subject = buildImage([]).manifest;
  const refers = manifestOf({
    ...{
      artifactType: 'application/x.signature',
      config: { mediaType: 'application/vnd.oci.empty.v1+json' },
      layers: [],
    },
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.bytes.length },
  });
  await target.putManifest(refers, 'part', signal);
  await target.putManifest(refers, 'part', signal);
  const tag = `/v2/team/app/manifests/sha256-${subject.digest.slice(7)}`;
  if (knows) {
    expect(registry.contentOf(tag)).toBeUndefined();
    return;
  }
  const registries = new Registries(nodeEffects());
  const request = { subject: subject.digest, signal };
  expect(await registries.referrers(reference(), request)).toEqual([
    {
      ...{ mediaType: OCI_MANIFEST, digest: refers.digest, sizeBytes: refers.bytes.length },
      ...{ artifactType: 'application/x.signature', annotations: {} },
    },
  ]);
  expect(await registries.referrers(reference(), { ...request, artifactType: 'other' })).toEqual([]);
});
