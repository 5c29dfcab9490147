import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { buildImage } from '../../src/image/built-image.fixture.ts';
import { FakeRegistry } from '../../src/image/fake-registry.fixture.ts';
import type { Images } from '../../src/image/images.ts';
import type { Digest } from '../../src/model/digest.ts';
import type { Image } from '../../src/model/image-config.ts';
import type { ImageFault } from '../../src/model/image-upkeep.ts';
import { type ImageHost, imageHost } from '../support/image-host.ts';
import { TYPE, tarArchive } from '../support/tar-writer.ts';

let host: ImageHost;
let registry: FakeRegistry;
let images: Images;
let image: Image;

const BASE = tarArchive([
  { name: './', type: TYPE.directory, mode: 0o755 },
  { name: 'etc/passwd', data: 'root', mode: 0o644, mtime: 1_700_000_000 },
  { name: 'etc/hard', type: TYPE.hardLink, link: 'etc/passwd' },
  { name: 'bin/sh', type: TYPE.symlink, link: 'busybox' },
  { name: 'large', data: randomBytes(300_000) },
]);
const TOP = tarArchive([
  { name: 'etc/.wh.hosts', data: '' },
  { name: 'var/.wh..wh..opq', data: '' },
  { name: 'var/new', data: 'new', uid: 70_000 },
]);
const BUILT = buildImage([BASE, TOP]);

beforeAll(async () => {
  host = await imageHost();
  registry = await FakeRegistry.start();
  registry.push('app', '1', BUILT);
});

afterAll(async () => {
  await host.dispose();
  await registry.stop();
});

afterEach(() => {
  expect(host.unfinished()).toEqual([]);
  host.empty();
});

function reference(): string {
  return `${registry.host}/app:1`;
}

async function pulled(): Promise<void> {
  images = host.open();
  image = await images.pull(reference());
}

async function verify(repair = false, used: readonly Digest[] = []): Promise<readonly ImageFault[]> {
  const context = { inUse: () => new Set(used), signal: new AbortController().signal };
  const verified = await images.upkeep.verify({ images: [], repair }, context);
  return verified.flatMap(({ faults }) => faults);
}

function tree(layer: number): string {
  return images.layerDirectory(image.chainIds[layer] as Digest);
}

function blob(digest: string): string {
  return join(host.root, 'blobs/sha256', digest.slice('sha256:'.length));
}

test('an image is as it came, whatever its layers hold', async () => {
  await pulled();
  expect(await verify()).toEqual([]);
  const [verified] = await images.upkeep.verify(
    { images: [reference()], repair: false },
    { inUse: () => new Set(), signal: new AbortController().signal },
  );
  expect(verified).toEqual({ id: image.id, references: [reference()], faults: [], uncheckedLayers: 0 });
});

test('a tree that was changed is found, with what changed, and put right', async () => {
  await pulled();
  writeFileSync(join(tree(0), 'etc/passwd'), 'ROOT');
  expect(await verify()).toMatchObject([
    { part: 'tree', digest: image.chainIds[0], state: 'changed', isRepaired: false },
  ]);
  expect(readFileSync(join(tree(0), 'etc/passwd'), 'utf8')).toBe('ROOT');
  expect(await verify(true)).toMatchObject([{ part: 'tree', state: 'changed', isRepaired: true }]);
  expect(readFileSync(join(tree(0), 'etc/passwd'), 'utf8')).toBe('root');
  expect(await verify()).toEqual([]);
});

test('a tree that a container uses is told of and left alone', async () => {
  await pulled();
  rmSync(join(tree(1), 'var/new'));
  const [fault] = await verify(true, [image.id]);
  expect(fault).toMatchObject({ found: 'var/new is missing', isRepaired: false });
  expect(fault?.remedy).toContain('remove the containers');
  expect(await verify()).toHaveLength(1);
});

test('a tree that is gone is made again', async () => {
  await pulled();
  rmSync(tree(1), { recursive: true });
  expect(await verify(true, [image.id])).toMatchObject([{ part: 'tree', state: 'missing', isRepaired: true }]);
  expect(statSync(join(tree(1), 'var/new')).uid).toBe(70_000);
});

test('a damaged layer is found, taken away when asked, and comes with the next pull', async () => {
  await pulled();
  const digest = BUILT.layers[0]?.digest as Digest;
  const bytes = readFileSync(blob(digest));
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(blob(digest), bytes);
  const [fault] = await verify();
  expect(fault).toMatchObject({ part: 'layer', digest, state: 'damaged', isRepaired: false });
  expect(fault?.remedy).toBe(`isopod image verify --repair ${reference()}, then isopod pull ${reference()}`);
  expect((await verify(true))[0]?.remedy).toBe(`isopod pull ${reference()}`);
  expect(await verify()).toMatchObject([{ part: 'layer', digest, state: 'missing' }]);
  await images.pull(reference());
  expect(await verify()).toEqual([]);
});

test.each(['damaged', 'missing'] as const)(
  'beside a layer that is %s it is told that its tree could not be looked at, which is found once it came again',
  async (state) => {
    await pulled();
    const digest = BUILT.layers[1]?.digest as Digest;
    if (state === 'damaged') writeFileSync(blob(digest), 'other');
    else rmSync(blob(digest));
    writeFileSync(join(tree(1), 'var/new'), 'NEW');
    const chainId = image.chainIds[1];
    expect(await verify()).toMatchObject([{ part: 'layer', digest, state, uncheckedTree: chainId }]);
    await verify(true);
    await images.pull(reference());
    expect(await verify()).toMatchObject([{ part: 'tree', digest: chainId, state: 'changed' }]);
    expect(await verify(true)).toMatchObject([{ part: 'tree', isRepaired: true }]);
  },
);

test.each(['manifest', 'config'] as const)('a damaged %s is found and comes with the next pull', async (part) => {
  await pulled();
  const digest = part === 'manifest' ? image.manifestDigest : image.id;
  writeFileSync(blob(digest), '{}');
  expect(await verify(true)).toMatchObject([{ part, digest, state: 'damaged' }]);
  expect(await verify()).toMatchObject([{ part, digest, state: 'missing' }]);
  await images.pull(reference());
  expect(await verify()).toEqual([]);
});

test('an image of an older version is not called damaged for the layers that it never kept', async () => {
  await pulled();
  const list = join(host.root, 'images.json');
  const content = JSON.parse(readFileSync(list, 'utf8'));
  for (const record of content.images) delete record.layers;
  writeFileSync(list, JSON.stringify(content));
  for (const { digest } of BUILT.layers) rmSync(blob(digest));
  images = host.open();
  await images.recover();
  const context = { inUse: () => new Set<never>(), signal: new AbortController().signal };
  const [verified] = await images.upkeep.verify({ images: [], repair: true }, context);
  expect(verified).toMatchObject({ faults: [], uncheckedLayers: 2 });
});

test('what is not here cannot be verified', async () => {
  await pulled();
  const context = { inUse: () => new Set<never>(), signal: new AbortController().signal };
  await expect(images.upkeep.verify({ images: ['nothing'], repair: false }, context)).rejects.toMatchObject({
    kind: 'not-found',
  });
});
