import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { type BuiltImage, buildImage } from '../../src/image/built-image.fixture.ts';
import { sha256Of } from '../../src/image/config-document.ts';
import { connectWorker, type Worker } from '../../src/linux/helper-worker.ts';
import { type ImageHost, imageHost } from '../support/image-host.ts';
import { ZOO } from '../support/image-zoo.ts';
import { missingPrograms } from '../support/registry.ts';
import { stackedTree } from '../support/stacked-tree.ts';
import { describeTree } from '../support/tree.ts';
import { writtenLayout } from '../support/written-layout.ts';
import type { Difference } from '../support/zoo-entries.ts';

type Tree = Readonly<Record<string, string>>;

let host: ImageHost;
let held: Worker;
let directory: string;
beforeAll(async () => {
  // Podman takes no capital letters in the path of a layout.
  directory = join(tmpdir(), `isopod-zoo-${randomBytes(6).toString('hex')}`);
  mkdirSync(directory);
  host = await imageHost();
  // A fork server without a child ends after a while, and the other engines may take longer than that.
  held = await connectWorker(nodeEffects(), host.socket);
});
afterEach(() => {
  expect(host.unfinished()).toEqual([]);
  host.empty();
});
afterAll(async () => {
  held?.close();
  await host?.dispose();
  rmSync(directory, { recursive: true });
});

function layoutFor(image: BuiltImage): string {
  return writtenLayout(directory, image);
}

async function ours(layout: string): Promise<Tree> {
  const images = host.open();
  return stackedTree(host.root, images, await images.pull(`oci:${layout}:latest`));
}

/** Every difference between two trees, by path. */
function differences(
  a: Tree,
  b: Tree,
): Readonly<Record<string, readonly [ours: string | undefined, theirs: string | undefined]>> {
  const paths = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((path) => a[path] !== b[path]);
  return Object.fromEntries(paths.sort().map((path) => [path, [a[path], b[path]]]));
}

/** Podman gives every root its own mode, 0555, and time, whatever the layers say. */
function withoutRoot({ '.': _, ...tree }: Tree): Tree {
  return tree;
}

function expectSame(a: Tree, b: Tree, differs: Difference | undefined): void {
  const found = differences(a, b);
  if (differs === undefined) expect(found).toEqual({});
  // One that has gone is to be taken off the list.
  else expect(Object.keys(found)).toEqual([...differs.paths].sort());
}

const withoutUmoci = missingPrograms(['umoci']);
describe.skipIf(withoutUmoci.length > 0)(
  `umoci unpacks to the same tree (lacks ${withoutUmoci.join(', ') || 'nothing'})`,
  () => {
    test.each(ZOO.filter(({ umociRefuses }) => umociRefuses === undefined))(
      '$name',
      async ({ layers, umociDiffers }) => {
        const layout = layoutFor(buildImage(layers, { config: {} }));
        const bundle = mkdtempSync(join(directory, 'bundle-'));
        execFileSync('umoci', ['unpack', '--image', `${layout}:latest`, bundle], {
          stdio: ['ignore', 'ignore', 'pipe'],
        });
        expectSame(await ours(layout), describeTree(join(bundle, 'rootfs')), umociDiffers);
      },
      180_000,
    );
  },
);

const withoutPodman = missingPrograms(['podman']);
describe.skipIf(withoutPodman.length > 0)(
  `podman stacks to the same tree (lacks ${withoutPodman.join(', ') || 'nothing'})`,
  () => {
    let podman: (...args: readonly string[]) => string;
    let storage: string;
    beforeAll(() => {
      storage = mkdtempSync(join(directory, 'podman-'));
      const [root, run, policy] = ['root', 'run', 'policy.json'].map((name) => join(storage, name)) as [
        string,
        string,
        string,
      ];
      writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
      podman = (...args) =>
        execFileSync('podman', ['--root', root, '--runroot', run, '--storage-driver', 'overlay', ...args], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'pipe'],
        }).trim();
    });
    afterAll(() => {
      if (podman !== undefined) podman('rmi', '--all', '--force');
      spawnSync('umount', ['-l', join(storage, 'root/overlay')]);
      rmSync(storage, { recursive: true });
    });

    test.each(ZOO.filter(({ podmanRefuses }) => podmanRefuses === undefined))(
      '$name',
      async ({ layers, podmanDiffers }) => {
        const layout = layoutFor(buildImage(layers, { config: {} }));
        const id = podman(
          'pull',
          '--quiet',
          '--signature-policy',
          join(storage, 'policy.json'),
          `oci:${layout}:latest`,
        );
        const mounted = podman('image', 'mount', id);
        try {
          expectSame(withoutRoot(await ours(layout)), withoutRoot(describeTree(mounted)), podmanDiffers);
        } finally {
          podman('image', 'unmount', id);
        }
      },
      180_000,
    );
  },
);

describe('a layer compressed in another way is the same tree', () => {
  const tar = ZOO[0]?.layers[0] ?? Buffer.alloc(0);
  const half = Math.floor(tar.length / 2);
  const parts = [tar.subarray(0, half), tar.subarray(half)] as const;
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
  const program = (name: string) => () => execFileSync(name, ['-c'], { input: tar });
  const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';
  const cases: readonly (readonly [name: string, type: string, needs: readonly string[], pack: () => Buffer])[] = [
    ['plain', OCI_LAYER, [], () => tar],
    ['plain, and called gzip', `${OCI_LAYER}+gzip`, [], () => tar],
    ['gzip of two members', `${OCI_LAYER}+gzip`, [], () => Buffer.concat(parts.map((part) => gzipSync(part)))],
    ['zstd', `${OCI_LAYER}+zstd`, [], () => zstdCompressSync(tar)],
    [
      'zstd of several frames, some to be skipped',
      `${OCI_LAYER}+zstd`,
      [],
      () => Buffer.concat(parts.flatMap((part) => [zstdCompressSync(part), skippable])),
    ],
    ['xz', `${OCI_LAYER}+gzip`, ['xz'], program('xz')],
    ['bzip2', OCI_LAYER, ['bzip2'], program('bzip2')],
  ];
  for (const [name, layerType, needs, pack] of cases) {
    const missing = missingPrograms(needs);
    test.skipIf(missing.length > 0)(
      `${name}${missing.length > 0 ? ` (lacks ${missing.join(', ')})` : ''}`,
      async () => {
        const image = buildImage([pack()], { compress: false, layerType, diffIds: [sha256Of(tar)] });
        const reference = await ours(layoutFor(buildImage([tar])));
        host.empty();
        expect(await ours(layoutFor(image))).toEqual(reference);
      },
    );
  }
});
