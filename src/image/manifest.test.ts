import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hostPlatform } from '../model/platform.ts';
import { buildImage, buildIndex } from './built-image.fixture.ts';
import { chainIdsOf, parseConfigDocument, sha256Of } from './config-document.ts';
import { parseManifest } from './manifest.ts';
import { OCI_INDEX, OCI_MANIFEST } from './media-types.ts';

const IMAGE = buildImage([Buffer.alloc(1024)]);
const MANIFEST = JSON.parse(IMAGE.manifest.bytes.toString());

function parse(document: unknown, mediaType: string | undefined = OCI_MANIFEST) {
  return parseManifest(Buffer.from(JSON.stringify(document)), { from: 'r.io/app:1', mediaType });
}

test('a manifest gives its config and layers in order', () => {
  expect(parse(MANIFEST)).toEqual({
    shape: 'manifest',
    config: expect.objectContaining({ digest: IMAGE.config.digest, sizeBytes: IMAGE.config.bytes.length }),
    layers: [expect.objectContaining({ digest: IMAGE.layers[0]?.digest })],
  });
});

test.each([
  ['a manifest that also lists manifests', { ...MANIFEST, manifests: [] }, 'and yet has manifests'],
  ['a manifest that also has schema 1 layers', { ...MANIFEST, fsLayers: [] }, 'and yet has fsLayers'],
  ['a manifest sent as an index', { ...MANIFEST, mediaType: OCI_INDEX }, 'but was sent as'],
  ['schema version 1', { ...MANIFEST, schemaVersion: 1 }, 'schemaVersion is 1'],
  ['a negative size', { ...MANIFEST, config: { ...MANIFEST.config, size: -1 } }, 'config.size is -1'],
  ['a size beyond exact numbers', { ...MANIFEST, config: { ...MANIFEST.config, size: 1e300 } }, 'config.size'],
  ['a short digest', { ...MANIFEST, config: { ...MANIFEST.config, digest: 'sha256:1' } }, 'config.digest "sha256:1"'],
  ['layers that are no list', { ...MANIFEST, layers: {} }, 'layers is not a list'],
  ['a layer that is null', { ...MANIFEST, layers: [null] }, 'layers[0] is not an object'],
  ['null', null, 'it is not an object'],
])('%s is refused as data loss: %s', (_name, document, reason) => {
  expect(() => parse(document)).toThrow(reason);
});

test('an index that also has layers is refused', () => {
  const index = JSON.parse(buildIndex([]).toString());
  expect(() => parse({ ...index, layers: [] }, OCI_INDEX)).toThrow('and yet has layers');
});

test('a type that is not an image is named', () => {
  expect(() => parse({ ...MANIFEST, mediaType: undefined }, 'application/json')).toThrow('"application/json"');
  const schema1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
  expect(() => parse({ schemaVersion: 1 }, schema1)).toThrow(schema1);
  const config = { ...MANIFEST.config, mediaType: 'application/vnd.cncf.helm.config.v1+json' };
  expect(() => parse({ ...MANIFEST, config })).toThrow('is not a container image');
});

test('any bytes are parsed or refused with an error of ours', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      expect(() => parseManifest(Buffer.from(text), { from: 'x', mediaType: OCI_MANIFEST })).toThrow('x');
    }),
  );
});

test('a config without its parts is refused, one without a runtime part is not', () => {
  const config = JSON.parse(IMAGE.config.bytes.toString());
  const read = (document: object) => parseConfigDocument(Buffer.from(JSON.stringify(document)), 'r.io/app:1');
  expect(read({ ...config, config: null }).runtime).toMatchObject({ cmd: [], entrypoint: [], user: '' });
  expect(() => read({ ...config, os: 1 })).toThrow('os is not a string');
  expect(() => read({ ...config, rootfs: undefined })).toThrow('rootfs is not an object');
  expect(() => read({ ...config, rootfs: { diff_ids: ['x'] } })).toThrow('rootfs.diff_ids[0] "x"');
  expect(() => read({ ...config, config: { Env: [1] } })).toThrow('Env[0] is not a string');
});

test('a chain id is the digest of the chain below and the diff id', () => {
  const [a, b] = [sha256Of('a'), sha256Of('b')];
  expect(chainIdsOf([a, b, a])).toEqual([a, sha256Of(`${a} ${b}`), sha256Of(`${sha256Of(`${a} ${b}`)} ${a}`)]);
});

test('the platform of a config is told in one spelling, and what it does not say is as on this machine', () => {
  const read = (said: object) =>
    parseConfigDocument(Buffer.from(JSON.stringify({ os: 'linux', rootfs: {}, ...said })), 'x').platform;
  const own = hostPlatform();
  for (const said of [{ os: '', architecture: '' }, { os: undefined }]) expect(read(said)).toEqual(own);
  expect(read({ architecture: 'x86_64' })).toMatchObject({ os: 'linux', architecture: 'amd64' });
  expect(read({ architecture: 'aarch64', variant: 'v8' })).toMatchObject({ architecture: 'arm64', variant: undefined });
});

test('the platforms of an index are told in one spelling, and one without an architecture is none', () => {
  const { digest } = IMAGE.manifest;
  const size = 1;
  const platforms = [
    { os: 'Linux', architecture: 'x86_64' },
    { os: '', architecture: '' },
  ];
  const manifests = platforms.map((platform) => ({ mediaType: OCI_MANIFEST, digest, size, platform }));
  expect(parse({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }, OCI_INDEX)).toMatchObject({
    entries: [{ platform: { os: 'linux', architecture: 'amd64' } }, { platform: undefined }],
  });
});
