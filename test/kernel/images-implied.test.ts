import { execFileSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { buildImage } from '../../src/image/built-image.fixture.ts';
import { FakeRegistry } from '../../src/image/fake-registry.fixture.ts';
import type { Images } from '../../src/image/images.ts';
import type { Digest } from '../../src/model/digest.ts';
import type { Image } from '../../src/model/image-config.ts';
import type { ImageFault } from '../../src/model/image-upkeep.ts';
import { type ImageHost, imageHost } from '../support/image-host.ts';
import { type TarEntry, TYPE, tarArchive } from '../support/tar-writer.ts';

let host: ImageHost;
let registry: FakeRegistry;
let images: Images;

const TIME = 1_700_000_000;
const BASE = tarArchive([
  { name: './', type: TYPE.directory, mode: 0o711, uid: 3, mtime: TIME },
  { name: 'etc/', type: TYPE.directory, mode: 0o750, uid: 7, gid: 8, mtime: TIME },
  { name: 'etc/old', data: 'old', mtime: TIME },
]);
const TOP = tarArchive([{ name: 'etc/new', data: 'new', mtime: TIME }]);

beforeAll(async () => {
  host = await imageHost();
  registry = await FakeRegistry.start();
});
afterEach(() => {
  expect(host.unfinished()).toEqual([]);
  host.empty();
});
afterAll(async () => {
  await host.dispose();
  await registry.stop();
});

async function pulled(...layers: readonly Uint8Array[]): Promise<Image> {
  const name = `app-${layers.length}`;
  registry.push(name, '1', buildImage(layers));
  images = host.open();
  return await images.pull(`${registry.host}/${name}:1`);
}

/** Mode and owner of a path in the topmost layer. */
function shown(image: Image, path: string): string {
  const status = lstatSync(join(tree(image.chainIds.at(-1)), path));
  return `${status.mode.toString(8)} ${status.uid}:${status.gid}`;
}

function tree(chainId: Digest | undefined): string {
  return images.layerDirectory(chainId as Digest);
}

/** Everything in the store's layers that has a note of ours. */
function notes(): string {
  const find =
    'import os, sys\nfor at, _, _ in os.walk(sys.argv[1]):\n  if any("isopod" in n for n in os.listxattr(at)): print(at)';
  return execFileSync('python3', ['-c', find, join(host.root, 'layers')], { encoding: 'utf8' });
}

async function verify(repair: boolean, used: readonly Digest[] = []): Promise<readonly ImageFault[]> {
  const context = { inUse: () => new Set(used), signal: new AbortController().signal };
  const verified = await images.upkeep.verify({ images: [], repair }, context);
  return verified.flatMap(({ faults }) => faults);
}

test('what a layer does not name is as in the layers that came with it, and no notes stay', async () => {
  const image = await pulled(BASE, tarArchive([]), TOP);
  expect(shown(image, '.')).toBe('40711 3:0');
  expect(shown(image, 'etc')).toBe('40750 7:8');
  expect(lstatSync(join(tree(image.chainIds[2]), 'etc')).mtimeMs).toBe(TIME * 1000);
  expect(notes()).toBe('');
  expect(await verify(false)).toEqual([]);
});

test('what a layer does not name is as in the layers that were here before', async () => {
  await pulled(BASE);
  const image = await pulled(BASE, TOP);
  expect(shown(image, '.')).toBe('40711 3:0');
  expect(shown(image, 'etc')).toBe('40750 7:8');
});

test.each<[string, TarEntry]>([
  ['link that leads out', { name: 'etc', type: TYPE.symlink, link: '../../../canary' }],
  ['absolute link', { name: 'etc', type: TYPE.symlink, link: '/etc' }],
  ['file', { name: 'etc', data: 'x', mode: 0o600, uid: 7 }],
  ['device', { name: 'etc', type: TYPE.characterDevice, major: 1, minor: 3, mode: 0o600, uid: 7 }],
  ['whiteout', { name: '.wh.etc', data: '' }],
])('nothing is taken through a %s of a layer below', async (_, between) => {
  mkdirSync(join(host.directory, 'canary'), { mode: 0o700 });
  const image = await pulled(BASE, tarArchive([between]), TOP);
  expect(shown(image, 'etc')).toBe('40755 0:0');
  expect(lstatSync(join(host.directory, 'canary')).mode & 0o777).toBe(0o700);
  rmSync(join(host.directory, 'canary'), { recursive: true });
});

test('a layer that brings a note of ours is refused', async () => {
  const pax: TarEntry['pax'] = [['SCHILY.xattr.trusted.isopod.implied', 'd']];
  const hostile = tarArchive([{ name: 'etc/', type: TYPE.directory, mode: 0o700, pax }]);
  await expect(pulled(BASE, hostile)).rejects.toMatchObject({ kind: 'data-loss', code: 'image-layer.refused' });
});

test('a tree from before layers were settled is told of, and put right', async () => {
  const image = await pulled(BASE, TOP);
  execFileSync('chown', ['0:0', join(tree(image.chainIds[1]), 'etc')]);
  chmodSync(join(tree(image.chainIds[1]), 'etc'), 0o755);
  expect(await verify(false)).toMatchObject([{ digest: image.chainIds[1], found: 'the mode of etc has changed' }]);
  expect(await verify(true)).toMatchObject([{ digest: image.chainIds[1], isRepaired: true }]);
  expect(shown(image, 'etc')).toBe('40750 7:8');
});

test('what is wrong in a layer below does not go into one that is put right', async () => {
  const base = await pulled(BASE);
  const image = await pulled(BASE, TOP);
  chmodSync(join(tree(base.chainIds[0]), 'etc'), 0o777);
  const faults = await verify(true, [base.id]);
  expect(faults.filter(({ isRepaired }) => isRepaired)).toEqual([]);
  expect(faults.map(({ digest }) => digest)).toContain(image.chainIds[1]);
  expect(shown(image, 'etc')).toBe('40750 7:8');
  // Told of once for each image that has it.
  const repaired = { digest: base.chainIds[0], isRepaired: true };
  expect(await verify(true)).toMatchObject([repaired, repaired]);
  expect(await verify(false)).toEqual([]);
});

test('a layer whose lower one is gone is unpacked again with it', async () => {
  const image = await pulled(BASE, TOP);
  for (const chainId of image.chainIds) rmSync(tree(chainId), { recursive: true });
  expect((await verify(true)).map(({ isRepaired }) => isRepaired)).toEqual([true, true]);
  expect(shown(image, 'etc')).toBe('40750 7:8');
});
