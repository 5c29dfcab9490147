import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Digest } from '../../model/digest.ts';
import { buildImage } from '../built-image.fixture.ts';
import { sha256Of } from '../config-document.ts';
import { writeTar } from '../embedded/tar-writer.ts';
import { FakeRegistry } from '../fake-registry.fixture.ts';
import { StoreFixture } from '../store.fixture.ts';
import { parseSchema1 } from './schema1.ts';

const tar = (name: string) => writeTar([{ path: name, mode: 0o644, content: Buffer.alloc(5000, name) }]);
/** Its layers are what a schema 1 manifest names. */
const IMAGE = buildImage([tar('bottom'), tar('top')]);
const SIGNED = 'application/vnd.docker.distribution.manifest.v1+prettyjws';

let registry: FakeRegistry;
let store: StoreFixture;
beforeEach(async () => {
  registry = await FakeRegistry.start();
  store = new StoreFixture();
  registry.push('app', 'other', IMAGE);
});
afterEach(async () => {
  expect(store.openWorkers).toBe(0);
  store.remove();
  await registry.stop();
});

interface Step {
  readonly layer: Digest | undefined;
  readonly v1: object;
}

/** Newest first, as schema 1 has it. */
const STEPS: readonly Step[] = [
  {
    layer: IMAGE.layers[1]?.digest,
    v1: {
      ...{ id: 'c', parent: 'b', created: '2016-03-01T00:00:00Z', os: 'linux', architecture: 'amd64' },
      config: { Cmd: ['/bin/top'], Env: ['A=1'], User: 'nobody' },
      container_config: { Cmd: ['/bin/sh', '-c', 'add top'] },
    },
  },
  {
    layer: IMAGE.layers[0]?.digest,
    v1: { id: 'b', parent: 'a', throwaway: true, container_config: { Cmd: ['/bin/sh', '-c', '#(nop) CMD'] } },
  },
  { layer: IMAGE.layers[0]?.digest, v1: { id: 'a', created: '2016-01-01T00:00:00Z', author: 'somebody' } },
];

function manifestOf(steps: readonly Step[] = STEPS): Buffer {
  const document = {
    ...{ schemaVersion: 1, name: 'app', tag: '1', architecture: 'amd64' },
    fsLayers: steps.map(({ layer }) => ({ blobSum: layer })),
    history: steps.map(({ v1 }) => ({ v1Compatibility: JSON.stringify(v1) })),
  };
  return Buffer.from(JSON.stringify(document, undefined, 3));
}

/** As libtrust signs: the signatures stand before the last bracket, and say what was there before. */
function signed(plain: Buffer): Buffer {
  const formatLength = plain.length - 2;
  const formatTail = plain.subarray(formatLength).toString('base64url');
  const header = Buffer.from(JSON.stringify({ formatLength, formatTail, time: '2016' })).toString('base64url');
  const signatures = JSON.stringify([{ header: {}, signature: 'x', protected: header }]);
  return Buffer.concat([plain.subarray(0, formatLength), Buffer.from(`,\n   "signatures": ${signatures}\n}`)]);
}

function serve(bytes: Buffer, digest: Digest): void {
  for (const selector of ['1', digest]) {
    registry.put(`/v2/app/manifests/${selector}`, bytes, SIGNED);
  }
  registry.misbehave = (request, response) => {
    if (!/\/manifests\/(1|sha256:.*)$/.test(request.url ?? '')) return false;
    response.writeHead(200, { 'content-type': SIGNED, 'docker-content-digest': digest }).end(bytes);
    return true;
  };
}

const refuse = (reason: string): never => {
  throw new Error(reason);
};

test('an image in schema 1 is pulled as one in schema 2, with a config that is computed', async () => {
  const plain = manifestOf();
  serve(signed(plain), sha256Of(plain));
  const images = store.open();
  const image = await images.pull(`${registry.host}/app:1`, { platform: 'linux/amd64' });
  expect(image.chainIds).toHaveLength(2);
  const chunks: Uint8Array[] = [];
  for await (const chunk of images.blobs.read(image.id)) chunks.push(chunk);
  const config = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  expect(config).toEqual({
    ...{ architecture: 'amd64', os: 'linux', created: '2016-03-01T00:00:00Z' },
    config: { Cmd: ['/bin/top'], Env: ['A=1'], User: 'nobody' },
    container_config: { Cmd: ['/bin/sh', '-c', 'add top'] },
    rootfs: { type: 'layers', diff_ids: IMAGE.layers.map(({ diffId }) => diffId) },
    history: [
      { created: '2016-01-01T00:00:00Z', author: 'somebody' },
      { created_by: '/bin/sh -c #(nop) CMD', empty_layer: true },
      { created: '2016-03-01T00:00:00Z', created_by: '/bin/sh -c add top' },
    ],
  });
});

test('its digest is that of what is signed', () => {
  const plain = manifestOf();
  expect(parseSchema1(signed(plain), refuse).digest).toBe(sha256Of(plain));
  expect(parseSchema1(plain, refuse).digest).toBe(sha256Of(plain));
});

test('one by digest that is another image is refused', async () => {
  const plain = manifestOf();
  serve(signed(manifestOf(STEPS.slice(0, 2))), sha256Of(plain));
  await expect(store.open().pull(`${registry.host}/app@${sha256Of(plain)}`)).rejects.toMatchObject({
    code: 'image-content.wrongDigest',
    details: { expected: sha256Of(plain) },
  });
});

test('a layer that is not what the manifest says is refused', async () => {
  const plain = manifestOf();
  const [, top] = IMAGE.layers;
  registry.put(`/v2/app/blobs/${top?.digest}`, Buffer.from(top?.bytes.map((byte) => byte ^ 1) ?? []));
  serve(signed(plain), sha256Of(plain));
  await expect(store.open().pull(`${registry.host}/app:1`, { platform: 'linux/amd64' })).rejects.toMatchObject({
    code: 'image-content.wrongDigest',
  });
  expect(await store.open().list()).toEqual([]);
});

test.each([
  [{ schemaVersion: 1, fsLayers: [], history: [] }, 'fsLayers has 0 entries'],
  [{ schemaVersion: 1, fsLayers: [{ blobSum: 'x' }], history: [] }, 'fsLayers has 1 entries, history 0'],
  [
    { schemaVersion: 1, fsLayers: [{ blobSum: 'x' }], history: [{ v1Compatibility: '{}' }] },
    'fsLayers[0].blobSum is not sha256',
  ],
  [{ schemaVersion: 2 }, 'schemaVersion is 2, not 1'],
])('%j is refused: %s', (document, reason) => {
  expect(() => parseSchema1(Buffer.from(JSON.stringify(document)), refuse)).toThrow(reason);
});

test('a signature over more than there is is refused', () => {
  const header = Buffer.from(JSON.stringify({ formatLength: 1e6, formatTail: 'fQ' })).toString('base64url');
  const document = { ...JSON.parse(manifestOf().toString()), signatures: [{ protected: header }] };
  expect(() => parseSchema1(Buffer.from(JSON.stringify(document)), refuse)).toThrow('covers more than there is');
});
