import { generateKeyPairSync, sign } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import { storeLayer } from '../build/layer.ts';
import { writeTar } from '../embedded/tar-writer.ts';
import type { Images } from '../images.ts';
import { Registries } from '../registry/registries.ts';
import { storeSource } from '../store/store-source.ts';
import { type ImageTransfers, imageTransfers } from '../transfer/image-transfers.ts';
import { JudgedStore } from './judged-store.fixture.ts';
import { payloadOf } from './local-sigstore.fixture.ts';

const ACCEPT = [{ type: 'insecureAcceptAnything' }];
const REJECT = [{ type: 'reject' }];
const signal = new AbortController().signal;

let judged: JudgedStore;
let images: Images;
let transfers: ImageTransfers;

beforeEach(async () => {
  judged = await JudgedStore.start();
  images = judged.images();
  transfers = imageTransfers({
    ...{ effects: nodeEffects(), root: judged.place.root, registries: new Registries(nodeEffects()), images },
    connectWorker: () => Promise.reject(new Error('no helper runs here')),
    trust: judged.trust(),
  });
});

afterEach(async () => {
  await judged.stop();
});

function policy(transports: object, rest: readonly object[] = ACCEPT): void {
  judged.file('policy.json', JSON.stringify({ default: rest, transports }));
}

const app = (): string => `${judged.registry.host}/app:1`;
const copyTo = (target: string, more: object = {}) =>
  transfers.copy({ source: app(), target: `oci:${judged.place.root}/${target}`, ...more }, { signal });

async function archive(format: 'docker-archive' | 'oci-archive'): Promise<readonly Uint8Array[]> {
  policy({});
  judged.push();
  await images.pull(app());
  const chunks: Uint8Array[] = [];
  for await (const chunk of await transfers.save({ images: [app()], format }, signal)) chunks.push(Buffer.from(chunk));
  await images.remove(app(), () => new Set());
  return chunks;
}

async function* streamOf(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

describe('an archive that is loaded', () => {
  test.each(['docker-archive', 'oci-archive'] as const)('is judged as what it is: %s', async (format) => {
    const chunks = await archive(format);
    policy({ [format]: { '': REJECT } });
    await expect(transfers.load(streamOf(chunks), { signal })).rejects.toMatchObject({
      code: 'trust.refused',
      message: `image ${app()} of the archive is refused by the trust policy for ${format}: ""`,
    });
    expect(await images.list()).toEqual([]);
    policy({ [format]: { '': ACCEPT } }, REJECT);
    const trust = { scope: `${format}: ""`, signatures: [] };
    expect(await transfers.load(streamOf(chunks), { signal })).toMatchObject([{ trust }]);
  });

  test('is refused with the reason why there can be no signature of it', async () => {
    const chunks = await archive('docker-archive');
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const keyPath = judged.file('key.pub', publicKey.export({ format: 'pem', type: 'spki' }).toString());
    policy({ 'docker-archive': { '': [{ type: 'sigstoreSigned', keyPath }] } });
    await expect(transfers.load(streamOf(chunks), { signal })).rejects.toMatchObject({
      code: 'trust.unsigned',
      message: expect.stringContaining('looked at nothing, for what comes from docker-archive: has no place for'),
    });
  });

  test('is refused without a signature where one is asked for', async () => {
    const chunks = await archive('docker-archive');
    const loaded = transfers.load(streamOf(chunks), { signal, requireSignature: true });
    await expect(loaded).rejects.toMatchObject({ code: 'trust.nothingSigns' });
  });
});

describe('a tar stream that is imported', () => {
  const tar = (): AsyncIterable<Uint8Array> =>
    streamOf([writeTar([{ path: 'file', mode: 0o644, content: Buffer.from('content') }])]);

  test('is judged as a tar file is', async () => {
    policy({ tar: { '': REJECT } });
    await expect(transfers.import(tar(), { changes: [] }, signal)).rejects.toMatchObject({ code: 'trust.refused' });
    expect(await images.list()).toEqual([]);
    expect(await images.blobs.digests()).toEqual([]);
    policy({ tar: { '': ACCEPT } }, REJECT);
    const { trust } = await transfers.import(tar(), { changes: [] }, signal);
    expect(trust).toMatchObject({ scope: 'tar: ""', signatures: [] });
  });
});

test('a refused import leaves a layer that an image or another lease holds', async () => {
  const tar = writeTar([{ path: 'file', mode: 0o644, content: Buffer.from('content') }]);
  policy({});
  await transfers.import(streamOf([tar]), { changes: [], reference: 'kept:1' }, signal);
  policy({ tar: { '': REJECT } });
  const before = await images.blobs.digests();
  await expect(transfers.import(streamOf([tar]), { changes: [] }, signal)).rejects.toMatchObject({
    code: 'trust.refused',
  });
  expect(await images.blobs.digests()).toEqual(before);
  const other = writeTar([{ path: 'other', mode: 0o644, content: Buffer.from('other') }]);
  const lease = images.lease();
  const held = await storeLayer(streamOf([other]), { blobs: images.blobs, lease }, signal);
  await expect(transfers.import(streamOf([other]), { changes: [] }, signal)).rejects.toMatchObject({
    code: 'trust.refused',
  });
  expect(await images.blobs.digests()).toContain(held.descriptor.digest);
  await images.discard(lease);
  expect(await images.blobs.digests()).toEqual(before);
});

describe('the source of a copy', () => {
  test('is judged by its own place before anything is written', async () => {
    judged.push();
    policy({ docker: { [judged.registry.host]: REJECT } });
    await expect(copyTo('refused')).rejects.toMatchObject({ code: 'trust.refused' });
    expect(existsSync(join(judged.place.root, 'refused', 'index.json'))).toBe(false);
    policy({ docker: { [judged.registry.host]: ACCEPT } }, REJECT);
    await copyTo('accepted');
  });

  test('is judged by its path in a layout, and not by the place that it goes to', async () => {
    judged.push();
    policy({});
    await copyTo('layout:1');
    const again = (name: string) =>
      transfers.copy(
        { source: `oci:${judged.place.root}/layout:1`, target: `oci-archive:${judged.place.root}/${name}` },
        { signal },
      );
    policy({ oci: { [`${judged.place.root}/layout`]: REJECT } });
    await expect(again('refused')).rejects.toMatchObject({ code: 'trust.refused' });
    expect(existsSync(join(judged.place.root, 'refused'))).toBe(false);
    policy({ oci: { [judged.place.root]: ACCEPT } }, REJECT);
    await again('accepted');
  });

  test('needs a signature where one is asked for, and finds it beside the image', async () => {
    const { manifest } = judged.push();
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    policy({});
    await expect(copyTo('one', { requireSignature: true })).rejects.toMatchObject({ code: 'trust.nothingSigns' });
    const keyPath = judged.file('key.pub', publicKey.export({ format: 'pem', type: 'spki' }).toString());
    policy({ docker: { '': [{ type: 'sigstoreSigned', keyPath }] } });
    await expect(copyTo('two', { all: true })).rejects.toMatchObject({ code: 'trust.unsigned' });
    const bytes = payloadOf(manifest.digest, app());
    const annotations = { 'dev.cosignproject.cosign/signature': sign('sha256', bytes, privateKey).toString('base64') };
    judged.putSignatures(manifest.digest, [{ bytes, annotations }]);
    await copyTo('three', { requireSignature: true });
    await copyTo('four', { all: true });
  });
});

test('what is in the store was judged when it came, and is pushed whatever the policy says now', async () => {
  judged.push();
  policy({});
  await images.pull(app());
  policy({}, REJECT);
  mkdirSync(join(judged.place.root, 'pushed'));
  await transfers.push({ image: app(), target: `oci:${judged.place.root}/pushed` }, { signal });
});

test('an appc image is refused where a signature is asked for, for its own are not understood', async () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keyPath = judged.file('key.pub', publicKey.export({ format: 'pem', type: 'spki' }).toString());
  policy({ aci: { '': [{ type: 'sigstoreSigned', keyPath }] } });
  const { manifest } = judged.push();
  const checked = judged.trust().check({
    origin: { kind: 'aci', place: '/srv/a.aci' },
    documents: [manifest],
    shelf: {
      source: storeSource(images.blobs, { name: 'aci:/srv/a.aci', manifestDigest: manifest.digest }),
      tagged: undefined,
    },
    ...{ requireSignature: false, signal },
  });
  await expect(checked).rejects.toMatchObject({
    code: 'trust.unsigned',
    message: expect.stringContaining('signatures of appc images (.aci.asc) are not understood'),
  });
});
