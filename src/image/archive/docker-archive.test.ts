import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildImage } from '../built-image.fixture.ts';
import { sha256Of } from '../config-document.ts';
import { writeTar } from '../embedded/tar-writer.ts';
import { parseManifest } from '../manifest.ts';
import { OCI_MANIFEST } from '../media-types.ts';
import { TransferPlace } from '../transfer/transfer-ports.fixture.ts';

const TARS = ['base', 'top'].map((name) => writeTar([{ path: name, mode: 0o644, content: Buffer.from(name) }]));
const [BASE = new Uint8Array(0), TOP = new Uint8Array(0)] = TARS;
const IMAGE = buildImage(TARS);
const OTHER = buildImage([BASE]);

let place: TransferPlace;

beforeEach(() => {
  place = new TransferPlace();
});

afterEach(async () => {
  expect(await place.leftovers()).toEqual([]);
  place.remove();
});

function write(members: Readonly<Record<string, string | Uint8Array>>): string {
  const entries = Object.entries(members).map(([path, content]) => ({
    path,
    mode: 0o644,
    content: Buffer.from(content),
  }));
  writeFileSync(place.path('x.tar'), writeTar(entries));
  return `docker-archive:${place.path('x.tar')}`;
}

/** What docker save writes of both images, with the layers as they are given. */
function saved(layers: readonly [Uint8Array, Uint8Array] = [BASE, TOP]): string {
  const list = [
    { Config: 'one.json', RepoTags: ['app:1', 'example.com/app:latest'], Layers: ['a/layer.tar', 'b/layer.tar'] },
    { Config: 'other.json', RepoTags: null, Layers: ['a/layer.tar'] },
  ];
  return write({
    ...{ 'one.json': IMAGE.config.bytes, 'other.json': OTHER.config.bytes, 'manifest.json': JSON.stringify(list) },
    ...{ 'a/layer.tar': layers[0], 'b/layer.tar': layers[1] },
  });
}

async function read(text: string) {
  const source = place.source(text);
  try {
    const { bytes } = await source.root(place.signal);
    const document = parseManifest(bytes, { from: text, mediaType: OCI_MANIFEST });
    if (document.shape !== 'manifest') throw new Error('an index');
    const layers: Buffer[] = [];
    for (const descriptor of document.layers) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of source.blob(descriptor, place.signal)) chunks.push(chunk);
      layers.push(Buffer.concat(chunks));
      expect(sha256Of(Buffer.concat(chunks))).toBe(descriptor.digest);
    }
    const config: Uint8Array[] = [];
    for await (const chunk of source.blob(document.config, place.signal)) config.push(chunk);
    return { document, layers, config: Buffer.concat(config) };
  } finally {
    source.close();
  }
}

test.each(['app:1', 'docker.io/library/app:1', 'example.com/app', '@0'])('an image is found by %s', async (name) => {
  const { config, layers, document } = await read(`${saved()}:${name}`);
  expect(config.equals(IMAGE.config.bytes)).toBe(true);
  expect(layers.map(sha256Of)).toEqual(IMAGE.layers.map(({ diffId }) => diffId));
  expect(document.layers.map(({ mediaType }) => mediaType)).toEqual(
    Array(2).fill('application/vnd.oci.image.layer.v1.tar'),
  );
});

test('one without a name is found by its place', async () => {
  expect((await read(`${saved()}:@1`)).config.equals(OTHER.config.bytes)).toBe(true);
});

test('of several images one must be named, and one that is there', async () => {
  const text = saved();
  await expect(read(text)).rejects.toMatchObject({ code: 'docker-archive.nameNeeded', kind: 'invalid-argument' });
  await expect(read(`${text}:none:1`)).rejects.toMatchObject({
    code: 'docker-archive.unknownName',
    message: expect.stringContaining('it has app:1, example.com/app:latest'),
  });
  await expect(read(`${text}:@2`)).rejects.toMatchObject({ code: 'docker-archive.unknownName' });
});

test('layers that are compressed stay so, and say it', async () => {
  const { document, layers } = await read(`${saved([gzipSync(BASE), TOP])}:@0`);
  expect(document.layers[0]?.mediaType).toBe('application/vnd.oci.image.layer.v1.tar+gzip');
  expect(layers[0]?.equals(gzipSync(BASE))).toBe(true);
});

test('a layer that is not the one of the config is found out by whoever reads it', async () => {
  await expect(place.copy(`${saved([TOP, BASE])}:@0`, `oci:${place.path('out')}`)).rejects.toMatchObject({
    kind: 'data-loss',
    code: 'image-content.wrongDigest',
  });
});

test('an archive of the kind before Docker 1.10 is an image with a config that is put together', async () => {
  const [lower, upper] = ['1'.repeat(64), '2'.repeat(64)];
  const common = { architecture: 'amd64', os: 'linux' };
  const text = write({
    repositories: JSON.stringify({ app: { '1': upper }, 'example.com/app': { new: upper } }),
    [`${lower}/json`]: JSON.stringify({ id: lower, created: '2015-01-01T00:00:00Z', ...common }),
    [`${lower}/layer.tar`]: BASE,
    [`${upper}/json`]: JSON.stringify({
      ...{ id: upper, parent: lower, created: '2015-01-02T00:00:00Z', ...common },
      ...{ config: { Cmd: ['top'] }, container_config: { Cmd: ['/bin/sh', '-c', 'make'] } },
    }),
    [`${upper}/layer.tar`]: TOP,
  });
  const { config, layers } = await read(`${text}:example.com/app:new`);
  expect(layers.map(sha256Of)).toEqual(TARS.map(sha256Of));
  expect(JSON.parse(config.toString())).toMatchObject({
    config: { Cmd: ['top'] },
    rootfs: { type: 'layers', diff_ids: TARS.map(sha256Of) },
    history: [{ created: '2015-01-01T00:00:00Z' }, { created_by: '/bin/sh -c make' }],
  });
});

test('layers of the old kind that never end are refused', async () => {
  const id = '1'.repeat(64);
  const text = write({
    repositories: JSON.stringify({ app: { '1': id } }),
    [`${id}/json`]: JSON.stringify({ id, parent: id, architecture: 'amd64', os: 'linux' }),
    [`${id}/layer.tar`]: BASE,
  });
  await expect(read(text)).rejects.toMatchObject({ code: 'docker-archive.malformed' });
});

test.each([
  ['no list', { other: '{}' }, 'docker-archive.notOne'],
  ['a list that is none', { 'manifest.json': '{}' }, 'docker-archive.malformed'],
  ['a list of nothing', { 'manifest.json': '[]' }, 'docker-archive.notOne'],
  [
    'a config that is missing',
    { 'manifest.json': '[{"Config":"x","RepoTags":[],"Layers":[]}]' },
    'docker-archive.malformed',
  ],
])('an archive with %s is refused', async (_, members, code) => {
  await expect(read(write(members))).rejects.toMatchObject({ code });
});

test('a file that is not there, not absolute, or no file is named', async () => {
  await expect(read('docker-archive:/nowhere/x')).rejects.toMatchObject({ code: 'archive-file.missing' });
  await expect(read('docker-archive:x')).rejects.toMatchObject({ code: 'archive-file.relativePath' });
  await expect(read(`docker-archive:${place.root}`)).rejects.toMatchObject({ code: 'archive-file.notAFile' });
});
