import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import { buildImage } from '../built-image.fixture.ts';
import { sha256Of } from '../config-document.ts';
import { writeTar } from '../embedded/tar-writer.ts';
import { FakeRegistry } from '../fake-registry.fixture.ts';
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

test('a name by digest goes when its image is pulled with another manifest, and names by tag stay', async () => {
  const images = store.open();
  await images.pull(pinned());
  await images.pull(`${registry.host}/app:1`);
  expect(await images.find(pinned())).toMatchObject({ manifestDigest: packed.manifest.digest });
  await images.pull(`${registry.host}/app:2`);
  expect(await images.find(pinned())).toBeUndefined();
  expect(await images.find(`${registry.host}/app:1`)).toMatchObject({ manifestDigest: plain.manifest.digest });
  await images.pull(pinned());
  expect(await images.find(pinned())).toMatchObject({ manifestDigest: packed.manifest.digest });
});

test('an image that is loaded in other bytes keeps the manifest by which it was pulled, and gets one more name', async () => {
  const images = store.open();
  const { id } = await images.pull(pinned());
  const { registry: host, repository, tag } = { registry: registry.host, repository: 'app', tag: '2' };
  const open = () =>
    new Registries(nodeEffects()).source({ kind: 'registry', registry: host, repository, tag, digest: undefined });
  await images.fetch(open, ['loaded:1']);
  const found = await images.find('loaded:1');
  expect(found).toMatchObject({ id, manifestDigest: packed.manifest.digest });
  expect(found?.references).toContain(pinned());
  await images.recover();
  const { signal } = new AbortController();
  const [verified] = await images.upkeep.verify({ images: [], repair: false }, { inUse: () => new Set(), signal });
  expect(verified).toMatchObject({ id, faults: [] });
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
