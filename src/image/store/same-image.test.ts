import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import type { Digest } from '../../model/digest.ts';
import { buildImage } from '../built-image.fixture.ts';
import { sha256Of } from '../config-document.ts';
import { writeTar } from '../embedded/tar-writer.ts';
import { FakeRegistry } from '../fake-registry.fixture.ts';
import type { Images } from '../images.ts';
import { Registries } from '../registry/registries.ts';
import { StoreFixture } from '../store.fixture.ts';

const TARS = ['base', 'one'].map((name) => writeTar([{ path: name, mode: 0o644, content: Buffer.from(name) }]));
/** One image in two ways: config and layers are the same, manifests and blobs are not. */
const [packed, plain] = [buildImage(TARS), buildImage(TARS, { compress: false })];

let registry: FakeRegistry;
let store: StoreFixture;
const pinned = (): string => `${registry.host}/app@${packed.manifest.digest}`;

beforeEach(async () => {
  expect(packed.config.digest).toBe(plain.config.digest);
  registry = await FakeRegistry.start();
  store = new StoreFixture();
  registry.push('app', '1', packed);
  registry.push('app', '2', plain);
});
afterEach(async () => {
  store.remove();
  await registry.stop();
});

const { signal } = new AbortController();

/** The manifest that a name's own image has, as push and save find it. */
async function manifestOf(images: Images, name: string): Promise<unknown> {
  const source = await images.source(name);
  return sha256Of((await source.root(signal)).bytes);
}

test('each name keeps the manifest by which it was pulled, however the same image comes by other names', async () => {
  const images = store.open();
  await images.pull(pinned());
  const [one, two] = [`${registry.host}/app:1`, `${registry.host}/app:2`];
  await images.pull(one);
  expect(await images.pull(two)).toMatchObject({ id: packed.config.digest, manifestDigest: plain.manifest.digest });
  for (const [name, { manifest }] of [
    [pinned(), packed],
    [one, packed],
    [two, plain],
  ] as const) {
    expect(await images.find(name)).toMatchObject({ manifestDigest: manifest.digest });
    expect(await manifestOf(images, name)).toBe(manifest.digest);
  }
  const [only, ...others] = await images.list();
  expect(others).toEqual([]);
  expect(only?.manifestDigests).toEqual({
    [pinned()]: packed.manifest.digest,
    [one]: packed.manifest.digest,
    [two]: plain.manifest.digest,
  });
});

test('a name that is given to an image stands for the manifest of the name that it was found by', async () => {
  const images = store.open();
  await images.pull(`${registry.host}/app:1`);
  await images.pull(`${registry.host}/app:2`);
  await images.tag(`${registry.host}/app:1`, 'mine:1');
  await images.tag(packed.config.digest, 'mine:2');
  expect(await images.find('mine:1')).toMatchObject({ manifestDigest: packed.manifest.digest });
  expect(await images.find('mine:2')).toMatchObject({ manifestDigest: plain.manifest.digest });
});

test('with the last name of a manifest its blobs go, and those of the other stay', async () => {
  const images = store.open();
  await images.pull(`${registry.host}/app:1`);
  await images.pull(`${registry.host}/app:2`);
  const removed = await images.remove(`${registry.host}/app:2`, () => new Set());
  expect(removed).toEqual({ untagged: [`${registry.host}/app:2`], deleted: [] });
  const blobs = await images.blobs.digests();
  expect(blobs).not.toContain(plain.manifest.digest);
  expect(blobs).not.toContain(plain.layers[0]?.digest);
  expect(blobs).toEqual(expect.arrayContaining(packed.layers.map(({ digest }) => digest)));
  expect(await images.find(packed.config.digest)).toMatchObject({ manifestDigest: packed.manifest.digest });
  expect(await manifestOf(images, `${registry.host}/app:1`)).toBe(packed.manifest.digest);
});

test('when the last name of a manifest goes to another one, its blobs go at once', async () => {
  const images = store.open();
  await images.pull(`${registry.host}/app:1`);
  await images.pull(`${registry.host}/app:2`);
  registry.push('app', '1', plain);
  await images.pull(`${registry.host}/app:1`);
  expect(await images.blobs.digests()).not.toContain(packed.layers[0]?.digest);
  registry.push('app', '1', packed);
  await images.pull(`${registry.host}/app:1`);
  await images.tag(`${registry.host}/app:1`, `${registry.host}/app:2`);
  expect(await images.blobs.digests()).not.toContain(plain.layers[0]?.digest);
  expect(await images.blobs.digests()).toContain(packed.layers[0]?.digest);
});

test('an image whose names have all gone elsewhere stays by its id, with the manifest that came last', async () => {
  const images = store.open();
  await images.pull(`${registry.host}/app:1`);
  await images.pull(`${registry.host}/app:2`);
  const other = buildImage(TARS.slice(0, 1));
  for (const tag of ['1', '2']) registry.push('app', tag, other);
  await images.pull(`${registry.host}/app:1`);
  await images.pull(`${registry.host}/app:2`);
  expect(await images.find(packed.config.digest)).toMatchObject({
    references: [],
    manifestDigest: plain.manifest.digest,
  });
});

test('an image that is loaded in other bytes has them by its new name, and by its id those that were pulled', async () => {
  const images = store.open();
  const { id } = await images.pull(pinned());
  const { registry: host, repository, tag } = { registry: registry.host, repository: 'app', tag: '2' };
  const open = () =>
    new Registries(nodeEffects()).source({ kind: 'registry', registry: host, repository, tag, digest: undefined });
  await images.fetch(open, ['loaded:1']);
  const found = await images.find('loaded:1');
  expect(found).toMatchObject({ id, manifestDigest: plain.manifest.digest });
  expect(found?.references).toContain(pinned());
  expect(await images.find(id)).toMatchObject({ manifestDigest: packed.manifest.digest });
  await images.recover();
  const verified = await images.upkeep.verify({ images: [], repair: false }, { inUse: () => new Set(), signal });
  expect(verified.map((one) => [one.id, one.faults, one.references])).toEqual([
    [id, [], [pinned()]],
    [id, [], ['docker.io/library/loaded:1']],
  ]);
});

test('a damaged blob is told of the manifest that names it, and what the other names of the image have is sound', async () => {
  const images = store.open();
  await images.pull(`${registry.host}/app:1`);
  await images.pull(`${registry.host}/app:2`);
  const [layer] = plain.layers;
  await writeFile(images.blobs.pathOf(layer?.digest as Digest), 'damaged');
  const verified = await images.upkeep.verify(
    { images: [packed.config.digest], repair: false },
    { inUse: () => new Set(), signal },
  );
  expect(verified.map(({ references, faults }) => [references, faults.map(({ digest }) => digest)])).toEqual([
    [[`${registry.host}/app:1`], []],
    [[`${registry.host}/app:2`], [layer?.digest]],
  ]);
});

test('a manifest that names another blob for a layer that is here is refused, and changes nothing', async () => {
  const images = store.open();
  await images.pull(`${registry.host}/app:1`);
  const other = buildImage([...TARS.slice(0, 1), writeTar([{ path: 'other', mode: 0o644, content: Buffer.alloc(9) }])]);
  registry.push('team', '1', other);
  await images.pull(`${registry.host}/team:1`);
  // Its config promises the layers of the first image; the last blob is that of the second.
  const lying = buildImage(TARS);
  const manifest = JSON.parse(lying.manifest.bytes.toString());
  const [, wrong] = other.layers;
  manifest.layers[1] = { ...manifest.layers[1], digest: wrong?.digest, size: wrong?.bytes.length };
  const bytes = Buffer.from(JSON.stringify(manifest));
  registry.push('evil', '1', {
    ...lying,
    manifest: { ...lying.manifest, bytes, digest: sha256Of(bytes) },
    layers: other.layers,
  });
  await expect(images.pull(`${registry.host}/evil:1`)).rejects.toMatchObject({ code: 'image-layer.wrongDiffId' });
  expect(await images.find(`${registry.host}/app:1`)).toMatchObject({ manifestDigest: packed.manifest.digest });
  expect(await images.find(`${registry.host}/evil:1`)).toBeUndefined();
  await images.pull(`${registry.host}/team:1`);
});
