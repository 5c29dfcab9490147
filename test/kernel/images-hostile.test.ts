import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { buildImage } from '../../src/image/built-image.fixture.ts';
import { FakeRegistry } from '../../src/image/fake-registry.fixture.ts';
import { type ImageHost, imageHost } from '../support/image-host.ts';
import { type TarEntry, TYPE, tarArchive, tarEntry } from '../support/tar-writer.ts';

let host: ImageHost;
let registry: FakeRegistry;
let canary: string;

beforeAll(async () => {
  host = await imageHost();
  registry = await FakeRegistry.start();
  canary = join(host.directory, 'canary');
});

beforeEach(() => {
  mkdirSync(canary);
  writeFileSync(join(canary, 'file'), 'alive');
});

afterEach(() => {
  expect(readdirSync(canary)).toEqual(['file']);
  expect(host.unfinished()).toEqual([]);
  execFileSync('rm', ['-r', canary]);
  host.empty();
});

afterAll(async () => {
  await host.dispose();
  await registry.stop();
});

function push(...layers: readonly Uint8Array[]): string {
  registry.push('hostile', '1', buildImage(layers));
  return `${registry.host}/hostile:1`;
}

const HARMLESS = tarArchive([{ name: 'harmless', data: 'x' }]);

test.each<[string, readonly TarEntry[], string, code?: string]>([
  ['a name that leads out', [{ name: '../../canary/new', data: 'x' }], '../../canary/new'],
  ['a hard link that leads out', [{ name: 'x', type: TYPE.hardLink, link: '../../../canary/file' }], 'x'],
  ['a header with a wrong checksum', [{ name: 'x', data: 'x', badChecksum: true }], '', 'image-layer.noTar'],
])('%s is refused as data loss, and the other layers go with it', async (...row) => {
  const [, entries, named, code = 'image-layer.refused'] = row;
  const images = host.open();
  const error = await images.pull(push(HARMLESS, tarArchive(entries))).catch((failure) => failure);
  expect(error).toMatchObject({ kind: 'data-loss', code });
  expect(error.message).toContain(named);
  expect(readdirSync(join(host.root, 'layers'))).toEqual([]);
  expect(existsSync(join(host.root, 'images.json'))).toBe(false);
});

test('symlinks that lead out are kept as links and followed inside only', async () => {
  const images = host.open();
  const image = await images.pull(
    push(
      tarArchive([
        { name: 'out', type: TYPE.symlink, link: canary },
        { name: 'out/new', data: 'x' },
        { name: 'up', type: TYPE.symlink, link: '../../../canary' },
        { name: 'up/newer', data: 'x' },
      ]),
    ),
  );
  expect(image.chainIds).toHaveLength(1);
});

test('a flood of devices ends at the bound on entries', async () => {
  const flood = Array.from({ length: 3000 }, (_, index) => ({
    name: `dev-${index}`,
    type: TYPE.characterDevice,
    major: 1,
    minor: 3,
  }));
  await expect(host.open({ maxEntries: 1000 }).pull(push(HARMLESS, tarArchive(flood)))).rejects.toMatchObject({
    kind: 'resource-exhausted',
    message: expect.stringContaining('more than 1000 entries'),
  });
  expect(readdirSync(join(host.root, 'layers'))).toEqual([]);
});

test('headers without end are refused at their bound', async () => {
  const endless = tarArchive([{ name: 'x', data: 'x', pax: [['comment', Buffer.alloc(8 << 20, 'c')]] }]);
  await expect(host.open().pull(push(endless))).rejects.toMatchObject({
    kind: 'resource-exhausted',
    message: expect.stringContaining('headers of more than'),
  });
});

test('ten gigabytes of zeros behind a small gzip are refused long before the disk is full', async () => {
  const member = gzipSync(Buffer.alloc(64 << 20), { level: 9 });
  const size = 10 * 2 ** 30;
  const header = tarEntry({ name: 'zeros', size }).subarray(0, 512);
  const compressed = Buffer.concat([gzipSync(header), ...Array.from({ length: 160 }, () => member)]);
  const image = buildImage([compressed], {
    compress: false,
    layerType: 'application/vnd.oci.image.layer.v1.tar+gzip',
  });
  registry.push('hostile', '1', image);
  const images = host.open({ freeInflatedBytes: 16 << 20, maxInflationRatio: 4 });
  await expect(images.pull(`${registry.host}/hostile:1`)).rejects.toMatchObject({
    kind: 'resource-exhausted',
    code: 'image-compression.inflatesTooMuch',
  });
  expect(readdirSync(join(host.root, 'layers'))).toEqual([]);
});

test('a sparse file that claims terabytes takes no room', async () => {
  const pax: TarEntry['pax'] = [
    ['GNU.sparse.size', `${8 * 2 ** 40}`],
    ['GNU.sparse.map', '0,1'],
  ];
  const images = host.open();
  const image = await images.pull(push(tarArchive([{ name: 'sparse', data: 'x', pax }])));
  const layer = images.layerDirectory(image.chainIds[0] ?? image.id);
  const used = readdirSync(layer, { recursive: true, encoding: 'utf8' }).map((path) => lstatSync(join(layer, path)));
  expect(used.reduce((sum, { blocks }) => sum + blocks * 512, 0)).toBeLessThan(1 << 20);
});

test('a full disk is resource exhausted, and what was written is taken back', async () => {
  mkdirSync(host.root);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'isopod-test', host.root]);
  try {
    const large = tarArchive([{ name: 'large', data: Buffer.alloc(4 << 20, 'x') }]);
    await expect(host.open().pull(push(HARMLESS, large))).rejects.toMatchObject({
      kind: 'resource-exhausted',
      message: expect.stringContaining('no space left'),
      remedy: expect.stringContaining('isopod rmi'),
    });
    expect(readdirSync(join(host.root, 'layers'))).toEqual([]);
  } finally {
    execFileSync('umount', [host.root]);
  }
});
