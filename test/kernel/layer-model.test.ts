import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildImage, buildIndex, layoutOf } from '../../src/image/built-image.fixture.ts';
import { type ImageHost, imageHost } from '../support/image-host.ts';
import {
  archiveOf,
  describeModel,
  type LayerChanges,
  layerStacks,
  modelOf,
  withoutTimesOf,
} from '../support/layer-model.ts';
import { stackedTree } from '../support/stacked-tree.ts';

let host: ImageHost;
let layout: string;
beforeAll(async () => {
  layout = mkdtempSync(join(tmpdir(), 'isopod-model-'));
  host = await imageHost();
});
afterAll(async () => {
  await host?.dispose();
  rmSync(layout, { recursive: true });
});

async function unpacked(stack: readonly LayerChanges[]): Promise<Readonly<Record<string, string>>> {
  host.empty();
  const image = buildImage(stack.map((changes, layer) => archiveOf(changes, layer)));
  for (const [path, bytes] of layoutOf(buildIndex([{ image, name: 'latest' }]), [image])) {
    mkdirSync(dirname(join(layout, path)), { recursive: true });
    writeFileSync(join(layout, path), bytes);
  }
  const images = host.open();
  return stackedTree(host.root, images, await images.pull(`oci:${layout}:latest`));
}

test('any stack of layers is the tree that its changes make one after the other', async () => {
  await fc.assert(
    fc.asyncProperty(layerStacks, async (stack) => {
      const model = describeModel(modelOf(stack));
      expect(withoutTimesOf(model, await unpacked(stack))).toEqual(model);
    }),
    { numRuns: 60 },
  );
}, 240_000);

test('the model itself hides, replaces and links as the specification has it', () => {
  const directory = (path: string) => ({ kind: 'directory', path, mode: 0o755, uid: 0 }) as const;
  const file = (path: string, content = path) => ({ kind: 'file', path, content, mode: 0o644, uid: 0 }) as const;
  const stack: readonly LayerChanges[] = [
    [directory('a'), file('a/b'), file('a/c'), directory('b'), file('b/a'), file('c')],
    [directory('a'), { kind: 'whiteout', path: 'a/b' }, directory('b'), { kind: 'opaque', path: 'b' }, file('b/b')],
    [file('a', 'now a file'), { kind: 'link', path: 'c' }],
  ];
  expect([...modelOf(stack)].map(([path, { content }]) => `${path} ${content}`).sort()).toEqual([
    'a now a file',
    'b ',
    'b/b b/b',
    'c now a file',
  ]);
});

test('the model itself keeps a directory as it was that a layer does not name, and makes what was hidden anew', () => {
  const stack: readonly LayerChanges[] = [
    [
      { kind: 'directory', path: 'a', mode: 0o700, uid: 7 },
      { kind: 'directory', path: 'b', mode: 0o700, uid: 7 },
    ],
    [
      { kind: 'file', path: 'a/c', content: '', mode: 0o644, uid: 0 },
      { kind: 'whiteout', path: 'b' },
      { kind: 'symlink', path: 'b/c', target: 'd' },
    ],
  ];
  const directories = [...modelOf(stack)].filter(([, { kind }]) => kind === 'directory');
  expect(directories.map(([path, { mode, uid }]) => `${path} ${mode.toString(8)} ${uid}`)).toEqual([
    'a 700 7',
    'b 755 0',
  ]);
});
