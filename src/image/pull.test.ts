import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { formatPlatform, hostPlatform } from '../model/platform.ts';
import { type BuiltImage, buildImage, buildIndex } from './built-image.fixture.ts';
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
  expect(store.openWorkers).toBe(0);
  store.remove();
  await registry.stop();
});

function tarOf(name: string, content: Uint8Array = Buffer.from(name)): Uint8Array {
  return writeTar([{ path: name, mode: 0o644, content }]);
}

const BASE = tarOf('base');
const TOP = tarOf('top', randomBytes(300_000));

function twoLayers(): BuiltImage {
  return buildImage([BASE, TOP]);
}

async function expectNothingLeft(): Promise<void> {
  expect(await store.files()).toEqual([]);
  expect(await store.open().list()).toEqual([]);
}

test('an image is pulled with its config, and its layers lie unpacked by chain id', async () => {
  const built = twoLayers();
  registry.push('app', '1', built);
  const images = store.open();
  const image = await images.pull(`${registry.host}/app:1`);
  expect(image).toMatchObject({
    id: built.config.digest,
    manifestDigest: built.manifest.digest,
    references: [`${registry.host}/app:1`],
    config: { cmd: ['/bin/sh'], env: ['PATH=/bin'], workdir: '/srv', user: 'nobody', entrypoint: [], labels: {} },
    createdAt: '2024-01-02T03:04:05Z',
    sizeBytes: BASE.length + TOP.length,
  });
  expect(image.chainIds).toHaveLength(2);
  expect(image.chainIds[0]).toBe(built.layers[0]?.diffId);
  for (const [index, chainId] of image.chainIds.entries()) {
    const digest = await readFile(`${images.layerDirectory(chainId)}/digest`, 'utf8');
    expect(digest).toBe(built.layers[index]?.diffId);
  }
});

test('another process finds what was pulled, by reference, id and prefix', async () => {
  registry.push('app', '1', twoLayers());
  const image = await store.open().pull(`${registry.host}/app:1`);
  const later = store.open();
  const hex = image.id.slice('sha256:'.length);
  for (const text of [`${registry.host}/app:1`, image.id, hex, hex.slice(0, 12), hex.slice(0, 4)]) {
    expect(await later.find(text)).toEqual(image);
  }
  expect(await later.find(hex.slice(0, 3))).toBeUndefined();
  expect(await later.find('other')).toBeUndefined();
});

test('layers are synced before any of them gets its name', async () => {
  registry.push('app', '1', twoLayers());
  await store.open().pull(`${registry.host}/app:1`);
  expect(store.steps.filter(({ op }) => op === 'sync-filesystem')).toHaveLength(1);
});

test('a layer that is here already is not fetched again', async () => {
  const first = twoLayers();
  const second = buildImage([BASE, tarOf('other')]);
  registry.push('app', '1', first);
  registry.push('app', '2', second);
  const images = store.open();
  await images.pull(`${registry.host}/app:1`);
  const events: PullProgress[] = [];
  await images.pull(`${registry.host}/app:2`, { onProgress: (event) => events.push(event) });
  expect(registry.countOf(first.layers[0]?.digest ?? '-')).toBe(1);
  expect(events).toContainEqual(expect.objectContaining({ digest: first.layers[0]?.digest, state: 'exists' }));
  expect(events).toContainEqual(expect.objectContaining({ digest: second.layers[1]?.digest, state: 'unpacked' }));
  expect(events[0]).toMatchObject({ kind: 'resolved', layers: [{}, {}] });
  expect(events.at(-1)).toEqual({ kind: 'done', id: second.config.digest });
});

test('a layer whose directory is gone is fetched again', async () => {
  const built = twoLayers();
  registry.push('app', '1', built);
  const images = store.open();
  const image = await images.pull(`${registry.host}/app:1`);
  const directory = images.layerDirectory(image.chainIds[1] ?? image.id);
  await rm(directory, { recursive: true });
  await images.pull(`${registry.host}/app:1`);
  expect(await readFile(`${directory}/digest`, 'utf8')).toBe(built.layers[1]?.diffId);
});

test('pulls of one reference at the same time are one pull', async () => {
  const built = twoLayers();
  registry.push('app', '1', built);
  const images = store.open();
  const pulled = await Promise.all([1, 2, 3].map(() => images.pull(`${registry.host}/app:1`)));
  expect(new Set(pulled.map(({ id }) => id)).size).toBe(1);
  expect(registry.countOf('/manifests/1')).toBe(1);
  expect(registry.countOf(built.layers[1]?.digest ?? '-')).toBe(1);
});

test('pulls of images that share a layer go on side by side', async () => {
  registry.push('app', '1', twoLayers());
  registry.push('app', '2', buildImage([BASE, tarOf('other')]));
  const images = store.open();
  await Promise.all(['1', '2'].map((tag) => images.pull(`${registry.host}/app:${tag}`)));
  expect(await images.list()).toHaveLength(2);
  expect((await store.files()).filter((path) => path.includes('tmp-'))).toEqual([]);
});

test('a plain layer is unpacked as it is', async () => {
  const built = buildImage([BASE], { compress: false });
  registry.push('app', '1', built);
  const images = store.open();
  const image = await images.pull(`${registry.host}/app:1`);
  expect(await readFile(`${images.layerDirectory(image.chainIds[0] ?? image.id)}/tar`)).toEqual(Buffer.from(BASE));
});

test('Docker schema 2 is understood', async () => {
  const built = buildImage([BASE], {
    manifestType: 'application/vnd.docker.distribution.manifest.v2+json',
    configType: 'application/vnd.docker.container.image.v1+json',
    layerType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  });
  registry.push('app', '1', built);
  expect((await store.open().pull(`${registry.host}/app:1`)).id).toBe(built.config.digest);
});

test('of an index the image for the platform is taken', async () => {
  const mine = twoLayers();
  const platform = { os: 'linux', architecture: 's390x', variant: undefined };
  const other = buildImage([BASE], { platform });
  registry.push('app', 'mine', mine);
  registry.push('app', 'other', other);
  const index = buildIndex([
    { image: other, platform },
    { image: mine, platform: hostPlatform() },
  ]);
  registry.put('/v2/app/manifests/1', index, 'application/vnd.oci.image.index.v1+json');
  const images = store.open();
  expect((await images.pull(`${registry.host}/app:1`)).id).toBe(mine.config.digest);
  expect((await images.pull(`${registry.host}/app:1`, { platform: 'linux/s390x' })).id).toBe(other.config.digest);
  await expect(images.pull(`${registry.host}/app:1`, { platform: 'linux/mips64le' })).rejects.toMatchObject({
    kind: 'invalid-argument',
    message: expect.stringMatching(/no image for linux\/mips64le; it has linux\/s390x, linux\//),
  });
});

test('an image that was built for another platform is taken and told where it is the only one', async () => {
  const platform = { os: 'linux', architecture: 's390x', variant: undefined };
  registry.push('app', '1', buildImage([BASE], { platform }));
  const told: unknown[] = [];
  const image = await store.open().pull(`${registry.host}/app:1`, { onProgress: (event) => told.push(event) });
  expect(image).toMatchObject({ os: 'linux', architecture: 's390x' });
  const otherPlatform = { image: 'linux/s390x', wanted: formatPlatform(hostPlatform()) };
  expect(told).toContainEqual(expect.objectContaining({ kind: 'resolved', otherPlatform }));
});

test('an image that was built for another platform than the one that is asked for is refused', async () => {
  const platform = { os: 'linux', architecture: 's390x', variant: undefined };
  registry.push('app', '1', buildImage([BASE], { platform }));
  const asked = { platform: formatPlatform(hostPlatform()) };
  await expect(store.open().pull(`${registry.host}/app:1`, asked)).rejects.toMatchObject({ code: 'image.noPlatform' });
  await expectNothingLeft();
});

test('a digest chooses the manifest and is checked', async () => {
  const built = twoLayers();
  registry.push('app', '1', built);
  const images = store.open();
  const text = `${registry.host}/app:ignored@${built.manifest.digest}`;
  const image = await images.pull(text);
  expect(image.references).toEqual([`${registry.host}/app@${built.manifest.digest}`]);
  expect(await images.find(text)).toEqual(image);
  const wrong = `sha256:${'0'.repeat(64)}`;
  registry.put(`/v2/app/manifests/${wrong}`, built.manifest.bytes, built.manifest.mediaType);
  await expect(images.pull(`${registry.host}/app@${wrong}`)).rejects.toMatchObject({
    kind: 'data-loss',
    details: { expected: wrong, actual: built.manifest.digest },
  });
});

test('the tag of a pulled image moves, and the old image stays without a name', async () => {
  const images = store.open();
  registry.push('app', '1', buildImage([BASE]));
  const old = await images.pull(`${registry.host}/app:1`);
  registry.push('app', '1', twoLayers());
  const young = await images.pull(`${registry.host}/app:1`);
  expect(young.references).toEqual([`${registry.host}/app:1`]);
  expect((await images.find(old.id))?.references).toEqual([]);
});

test('a transfer that is slow but goes on is not given up', async () => {
  const built = twoLayers();
  registry.push('app', '1', built);
  const large = built.layers[1]?.bytes ?? Buffer.alloc(0);
  registry.misbehave = (request, response) => {
    if (!(request.url ?? '').includes(built.layers[1]?.digest ?? '-')) return false;
    const step = Math.ceil(large.length / 8);
    const send = (at: number): void => {
      if (at >= large.length) response.end();
      else response.write(large.subarray(at, at + step), () => setTimeout(send, 150, at + step));
    };
    send(0);
    return true;
  };
  const started = performance.now();
  await store.open({}, { stallMs: 1_000 }).pull(`${registry.host}/app:1`);
  expect(performance.now() - started).toBeGreaterThan(1_000);
});
