import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { buildImage } from '../../src/image/built-image.fixture.ts';
import type { Images } from '../../src/image/images.ts';
import { connectWorker } from '../../src/linux/helper-worker.ts';
import type { Image } from '../../src/model/image-config.ts';
import { type Step, step } from '../../src/model/wire.ts';
import { type ImageHost, imageHost } from '../support/image-host.ts';
import { ZOO } from '../support/image-zoo.ts';
import { IMPLIED_ZOO } from '../support/image-zoo-implied.ts';
import { missingPrograms } from '../support/registry.ts';
import { stackedTree } from '../support/stacked-tree.ts';
import { describeTree } from '../support/tree.ts';
import { writtenLayout } from '../support/written-layout.ts';
import type { ZooImage } from '../support/zoo-entries.ts';

type Tree = Readonly<Record<string, string>>;

const UUID = '01234567-89ab-cdef-0123-456789abcdef';

let host: ImageHost;
let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'isopod-zoo-backends-'));
  host = await imageHost();
});
afterEach(() => host.empty());
afterAll(async () => {
  await host?.dispose();
  rmSync(directory, { recursive: true });
});

async function run(steps: readonly Step[]): Promise<void> {
  const worker = await connectWorker(nodeEffects(), host.socket);
  try {
    await worker.run(steps);
  } finally {
    worker.close();
  }
}

async function pulled({ layers }: ZooImage): Promise<{ readonly images: Images; readonly image: Image }> {
  const images = host.open();
  const layout = writtenLayout(directory, buildImage(layers, { config: {} }));
  return { images, image: await images.pull(`oci:${layout}:latest`) };
}

/** Layer trees, top first. */
function layersOf(images: Images, { chainIds }: Image): readonly string[] {
  return chainIds.map((chainId) => images.layerDirectory(chainId)).reverse();
}

async function copied(images: Images, image: Image): Promise<Tree> {
  const path = mkdtempSync(join(directory, 'copy-'));
  await run([step('test', 'copy-layers', { lower: layersOf(images, image), path })]);
  return describeTree(path);
}

/** The stack of erofs images of the layers, as the kernel merges them. */
async function stackedImages(images: Images, image: Image): Promise<Tree> {
  const work = mkdtempSync(join(directory, 'erofs-'));
  const mounted: string[] = [];
  const mount = (name: string, type: string, options: string, source: string): string => {
    const at = join(work, name);
    mkdirSync(at);
    execFileSync('mount', ['-t', type, '-o', options, source, at], { cwd: work });
    mounted.unshift(at);
    return name;
  };
  try {
    const lower: string[] = [];
    for (const [at, tree] of layersOf(images, image).entries()) {
      const path = join(work, `${at}.erofs`);
      await run([step('test', 'make-erofs', { tree, path, uuid: UUID })]);
      lower.push(mount(`${at}`, 'erofs', 'ro,loop', path));
    }
    mkdirSync(join(work, 'empty'));
    mount('merged', 'overlay', `lowerdir=${[...lower, 'empty'].join(':')}`, 'overlay');
    return describeTree(join(work, 'merged'));
  } finally {
    for (const at of mounted) execFileSync('umount', [at]);
  }
}

describe('a copy of the layers is the tree that overlayfs shows', () => {
  test.each(ZOO)('$name', async (zoo) => {
    const { images, image } = await pulled(zoo);
    expect(await copied(images, image)).toEqual(stackedTree(host.root, images, image));
  });
});

const missing = missingPrograms(['mkfs.erofs']);
describe.skipIf(missing.length > 0)(
  `a stack of erofs images is the tree that a stack of directories is (lacks ${missing.join(', ') || 'nothing'})`,
  () => {
    test.each(IMPLIED_ZOO)('$name', async (zoo) => {
      const { images, image } = await pulled(zoo);
      expect(await stackedImages(images, image)).toEqual(stackedTree(host.root, images, image));
    });
  },
);
