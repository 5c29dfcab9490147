import { describe, expect, test } from 'vitest';
import type { Digest } from '../../model/digest.ts';
import { parseConfigDocument } from '../config-document.ts';
import { parseManifest } from '../manifest.ts';
import { emptyConfig, extendConfig } from './config.ts';
import { EMPTY_DIFF_ID } from './layer.ts';
import { makeManifest } from './manifest.ts';

const DIFF_ID = `sha256:${'1'.repeat(64)}` as Digest;
const OTHER = `sha256:${'2'.repeat(64)}` as Digest;
const PLATFORM = { os: 'linux', architecture: 'arm', variant: 'v7' };
const ENTRY = { created: '2026-01-02T03:04:05Z', createdBy: 'sh', author: 'me', comment: 'said' };

const documentOf = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
const extend = (base: Uint8Array, diffId: Digest = DIFF_ID) =>
  extendConfig(base, 'it', { diffId, history: ENTRY, change: (config) => ({ ...config, User: 'me' }) });

describe('a config with one more layer', () => {
  test('on nothing', () => {
    const bytes = extend(emptyConfig(PLATFORM));
    expect(documentOf(bytes)).toMatchObject({
      ...{ created: ENTRY.created, author: 'me', architecture: 'arm', os: 'linux', variant: 'v7' },
      history: [{ created: ENTRY.created, created_by: 'sh', author: 'me', comment: 'said' }],
    });
    expect(parseConfigDocument(bytes, 'it')).toMatchObject({ diffIds: [DIFF_ID], runtime: { user: 'me' } });
  });

  test('keeps what we know nothing of, and nothing of the container that the base was made from', () => {
    const base = {
      ...documentOf(emptyConfig(PLATFORM)),
      'os.version': '1',
      container: 'x',
      container_config: {},
      moby: 1,
    };
    const made = documentOf(extend(Buffer.from(JSON.stringify({ ...base, config: { Mine: [1] } }))));
    expect(made).toMatchObject({ 'os.version': '1', moby: 1, config: { Mine: [1], User: 'me' } });
    expect(made).not.toHaveProperty('container');
    expect(made).not.toHaveProperty('container_config');
  });

  test('lines of the history pair with layers, though the base told of none', () => {
    const base = {
      ...documentOf(emptyConfig(PLATFORM)),
      rootfs: { type: 'layers', diff_ids: [OTHER] },
      history: [{ empty_layer: true }],
    };
    const { history } = documentOf(extend(Buffer.from(JSON.stringify(base)))) as { history: { empty_layer?: true }[] };
    expect(history.filter(({ empty_layer }) => empty_layer !== true)).toHaveLength(2);
    expect(history).toHaveLength(3);
  });

  test('a layer with nothing in it is a line and no layer', () => {
    expect(documentOf(extend(extend(emptyConfig(PLATFORM)), EMPTY_DIFF_ID))).toMatchObject({
      rootfs: { diff_ids: [DIFF_ID] },
      history: [{}, { empty_layer: true }],
    });
  });

  test('a base that is none is refused', () => {
    expect(() => extend(Buffer.from('{}'))).toThrow(expect.objectContaining({ code: 'image-config.malformed' }));
  });
});

test('a manifest of ours is one of OCI, also above layers of Docker', () => {
  const config = emptyConfig(PLATFORM);
  const layer = (mediaType: string, digest: Digest) => ({ mediaType, digest, sizeBytes: 5 });
  const made = makeManifest(config, [
    layer('application/vnd.docker.image.rootfs.diff.tar.gzip', DIFF_ID),
    layer('application/vnd.docker.image.rootfs.diff.tar', OTHER),
    layer('application/vnd.oci.image.layer.v1.tar+zstd', OTHER),
  ]);
  const { mediaType, bytes } = made;
  expect(parseManifest(bytes, { from: 'it', mediaType })).toMatchObject({
    config: { sizeBytes: config.length },
    layers: ['+gzip', '', '+zstd'].map((end) => ({ mediaType: `application/vnd.oci.image.layer.v1.tar${end}` })),
  });
});
