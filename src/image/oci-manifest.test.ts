import { expect, test } from 'vitest';
import { sha256Of } from './config-document.ts';
import { OCI_INDEX, OCI_MANIFEST } from './media-types.ts';
import { asOciIndex, asOciManifest } from './oci-manifest.ts';

const DOCKER = 'application/vnd.docker';
const MANIFEST = `${DOCKER}.distribution.manifest.v2+json`;
const LIST = `${DOCKER}.distribution.manifest.list.v2+json`;
const [config, layer, other] = ['config', 'layer', 'other'].map((text) => sha256Of(Buffer.from(text)));
const from = 'reg.test/app:1';

const bytesOf = (document: object): Buffer => Buffer.from(JSON.stringify(document));
const read = (bytes: Uint8Array | undefined): unknown => JSON.parse(Buffer.from(bytes ?? []).toString());

test('a Docker manifest has the same blobs as an OCI manifest, by the types of OCI', () => {
  const bytes = bytesOf({
    ...{ schemaVersion: 2, mediaType: MANIFEST },
    config: { mediaType: `${DOCKER}.container.image.v1+json`, size: 7, digest: config },
    layers: [
      { mediaType: `${DOCKER}.image.rootfs.diff.tar.gzip`, size: 8, digest: layer },
      { mediaType: `${DOCKER}.image.rootfs.foreign.diff.tar.gzip`, size: 9, digest: other, urls: ['http://far.test/'] },
    ],
  });
  expect(read(asOciManifest(bytes, { from, mediaType: MANIFEST }))).toEqual({
    ...{ schemaVersion: 2, mediaType: OCI_MANIFEST },
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config, size: 7 },
    layers: [
      { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: layer, size: 8 },
      {
        mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
        ...{ digest: other, size: 9, urls: ['http://far.test/'] },
      },
    ],
  });
});

test('an OCI manifest is left as it is, and so is an index of such', () => {
  expect(asOciManifest(bytesOf({}), { from, mediaType: OCI_MANIFEST })).toBeUndefined();
  expect(asOciIndex(bytesOf({}), { from, mediaType: OCI_INDEX }, new Map())).toBeUndefined();
});

test('a Docker list becomes an index that names what its manifests became, with what OCI knows of their platforms', () => {
  const platform = { architecture: 'arm', os: 'linux', features: ['sse4'], variant: 'v7' };
  const bytes = bytesOf({
    ...{ schemaVersion: 2, mediaType: LIST },
    manifests: [{ mediaType: MANIFEST, size: 5, digest: layer, platform }],
  });
  const converted = new Map([[String(layer), { mediaType: OCI_MANIFEST, digest: other, sizeBytes: 6 }]]);
  expect(read(asOciIndex(bytes, { from, mediaType: LIST }, converted as never))).toEqual({
    ...{ schemaVersion: 2, mediaType: OCI_INDEX },
    manifests: [
      {
        ...{ mediaType: OCI_MANIFEST, digest: other, size: 6 },
        platform: { architecture: 'arm', os: 'linux', variant: 'v7' },
      },
    ],
  });
});

test('an OCI index that names a Docker manifest keeps all else that it says', () => {
  const entry = { mediaType: MANIFEST, size: 5, digest: layer, annotations: { a: 'b' }, artifactType: 'x/y' };
  const bytes = bytesOf({ schemaVersion: 2, mediaType: OCI_INDEX, annotations: { c: 'd' }, manifests: [entry] });
  const became = { mediaType: OCI_MANIFEST, digest: other, sizeBytes: 6 };
  expect(read(asOciIndex(bytes, { from, mediaType: OCI_INDEX }, new Map([[layer, became]]) as never))).toEqual({
    ...{ schemaVersion: 2, mediaType: OCI_INDEX, annotations: { c: 'd' } },
    manifests: [{ ...entry, mediaType: OCI_MANIFEST, digest: other, size: 6 }],
  });
});

test.each([
  ['layers that are no list', { config: {}, layers: 1 }],
  ['a layer that is no object', { config: {}, layers: [1] }],
])('a Docker manifest with %s is malformed', (_what, document) => {
  expect(() => asOciManifest(bytesOf(document), { from, mediaType: MANIFEST })).toThrow(
    `the manifest of ${from} is malformed`,
  );
});
