import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { buildImage, buildIndex, layoutOf } from '../../src/image/built-image.fixture.ts';
import type { Images } from '../../src/image/images.ts';
import { type ImageTransfers, imageTransfers } from '../../src/image/transfer/image-transfers.ts';
import { connectWorker } from '../../src/linux/helper-worker.ts';
import type { Image } from '../../src/model/image-config.ts';
import { type ImageHost, imageHost } from '../support/image-host.ts';
import { missingPrograms } from '../support/registry.ts';
import { TYPE, tarArchive } from '../support/tar-writer.ts';
import { describeTree } from '../support/tree.ts';

const missing = missingPrograms(['umoci', 'python3', 'tar', 'xz']);
const lacks = missing.length > 0 ? ` (lacks ${missing.join(', ')})` : '';
const { signal } = new AbortController();
const TIME = 1_700_000_000;

const BASE = tarArchive([
  { name: './', type: TYPE.directory, mode: 0o755, mtime: TIME },
  { name: 'etc/', type: TYPE.directory, mode: 0o750, uid: 3, gid: 70_000, mtime: TIME },
  { name: 'etc/kept', data: 'from base', mode: 0o4755, mtime: TIME },
  { name: 'etc/deleted', data: 'from base', mtime: TIME },
  { name: 'etc/linked', type: TYPE.hardLink, link: 'etc/kept', mtime: TIME },
  { name: 'opaque/', type: TYPE.directory, mode: 0o755, mtime: TIME },
  { name: 'opaque/old', data: 'old', mtime: TIME },
  { name: 'link', type: TYPE.symlink, link: 'etc/kept', mtime: TIME },
  { name: 'null', type: TYPE.characterDevice, major: 1, minor: 3, mtime: TIME },
  { name: `${'long-name-'.repeat(20)}`, data: 'x', mtime: TIME, pax: [['path', 'long-name-'.repeat(20)]] },
  { name: 'attributes', data: 'x', mtime: TIME, pax: [['SCHILY.xattr.user.mark', 'set']] },
]);
/** Names neither its root nor all directories that it has something in. */
const TOP = tarArchive([
  { name: 'etc/.wh.deleted', data: '', mtime: TIME },
  { name: 'opaque/', type: TYPE.directory, mode: 0o700, mtime: TIME },
  { name: 'opaque/.wh..wh..opq', data: '', mtime: TIME },
  { name: 'opaque/new', data: 'new', mtime: TIME },
]);
const IMAGE = buildImage([BASE, TOP], { config: { Cmd: ['sh'] } });

describe.skipIf(missing.length > 0)(`root file systems as images, and images as root file systems${lacks}`, () => {
  let host: ImageHost;
  let images: Images;
  let transfers: ImageTransfers;

  beforeAll(async () => {
    host = await imageHost();
    const effects = nodeEffects();
    const connect = (until?: AbortSignal) => connectWorker(effects, host.socket, until);
    images = host.open();
    transfers = imageTransfers({
      ...{ effects, root: host.root, images, registries: images.registries, connectWorker: connect },
    });
    writeLayout();
  });
  afterAll(() => host?.dispose());
  // What was held for a load is taken away in the background.
  afterEach(() => vi.waitFor(() => expect(host.unfinished()).toEqual([]), 10_000));

  const path = (name: string): string => join(host.directory, name);
  const layout = (): string => `oci:${path('layout')}:app`;
  const copy = (source: string, target: string) => transfers.copy({ source, target }, { signal });

  function writeLayout(): void {
    for (const [name, content] of layoutOf(buildIndex([{ image: IMAGE, name: 'app' }]), [IMAGE])) {
      mkdirSync(join(path('layout'), name, '..'), { recursive: true });
      writeFileSync(join(path('layout'), name), content);
    }
  }

  /** What umoci makes of the image. */
  function theirTree(): Readonly<Record<string, string>> {
    execFileSync('umoci', ['unpack', '--image', `${path('layout')}:app`, path('theirs')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return withoutRoot(describeTree(path('theirs/rootfs')));
  }

  const single = (image: Image): string => {
    expect(image.chainIds).toHaveLength(1);
    return images.layerDirectory(image.chainIds[0] ?? image.id);
  };

  let theirs: Readonly<Record<string, string>>;
  beforeAll(() => {
    theirs = theirTree();
  });

  test('the directory that an image comes to is the one of umoci', async () => {
    await copy(layout(), `dir:${path('ours')}`);
    expect(withoutRoot(describeTree(path('ours')))).toEqual(theirs);
  });

  test('a directory that is there already is not written into', async () => {
    await expect(copy(layout(), `dir:${path('layout')}`)).rejects.toMatchObject({ code: 'rootfs-target.exists' });
  });

  test('the tar file that an image comes to unpacks to the same, and is an image again', async () => {
    await copy(layout(), `tar:${path('ours.tar')}`);
    mkdirSync(path('unpacked'));
    execFileSync('tar', ['--xattrs', '--xattrs-include=*', '-C', path('unpacked'), '-xpf', path('ours.tar')]);
    expect(withoutRoot(describeTree(path('unpacked')))).toEqual(theirs);
    const image = await images.pull(`tar:${path('ours.tar')}`);
    expect(withoutRoot(describeTree(single(image)))).toEqual(theirs);
  });

  test('a directory is an image of one layer, with the same tree', async () => {
    const image = await images.pull(`dir:${path('theirs/rootfs')}`);
    expect(withoutRoot(describeTree(single(image)))).toEqual(theirs);
  });

  test('what is saved is loaded again, with its names and its digests', async () => {
    await images.fetch(() => sourceOf(), ['example.com/one:1', 'example.com/two:2']);
    // An OCI archive first: that keeps the manifest, which docker's cannot.
    for (const format of ['oci-archive', 'docker-archive'] as const) {
      const request = { images: ['example.com/one:1', 'example.com/two:2'], format };
      await writeStream(path('saved.tar'), await transfers.save(request, signal));
      await images.remove('example.com/one:1', () => new Set());
      await images.remove('example.com/two:2', () => new Set());
      const loaded = await transfers.load(nodeEffects().files.readStream(path('saved.tar')), { signal });
      expect(loaded.at(-1)?.id).toBe(IMAGE.config.digest);
      expect(loaded.flatMap(({ references }) => references)).toEqual(['example.com/one:1', 'example.com/two:2']);
      if (format === 'oci-archive') expect(loaded.at(-1)?.manifestDigest).toBe(IMAGE.manifest.digest);
    }
  });

  test('what is imported is an image of one layer, with the changes in its config', async () => {
    const request = { reference: 'imported:1', changes: ['CMD ["sh"]', 'ENV A=b'], message: 'from afar' };
    execFileSync('tar', ['-C', path('theirs/rootfs'), '--xattrs', '-cJf', path('rootfs.tar.xz'), '.']);
    const content = nodeEffects().files.readStream(path('rootfs.tar.xz'));
    const image = await transfers.import(content, request, signal);
    expect(image).toMatchObject({
      references: ['docker.io/library/imported:1'],
      config: { cmd: ['sh'], env: ['A=b'] },
    });
    expect(describeTree(single(image))).toEqual(describeTree(path('theirs/rootfs')));
  });

  function sourceOf() {
    const { config, layers, manifest } = IMAGE;
    const blobs = new Map([config, ...layers].map(({ digest, bytes }) => [digest as string, bytes]));
    return {
      ...{ name: 'made', pinned: undefined, close: () => {} },
      root: async () => manifest,
      manifest: async () => manifest,
      blob: async function* ({ digest }: { readonly digest: string }, _: AbortSignal, start = 0) {
        yield (blobs.get(digest) ?? Buffer.alloc(0)).subarray(start);
      },
    };
  }
});

async function writeStream(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  writeFileSync(path, Buffer.concat(chunks));
}

/** What a directory is that was made for an image says nothing of the image. */
function withoutRoot(tree: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { '.': _, ...rest } = tree;
  return rest;
}
