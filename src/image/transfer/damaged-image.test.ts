import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import { type BuiltImage, buildImage } from '../built-image.fixture.ts';
import { writeTar } from '../embedded/tar-writer.ts';
import type { Images } from '../images.ts';
import { Registries } from '../registry/registries.ts';
import { StoreFixture } from '../store.fixture.ts';
import { type ImageTransfers, imageTransfers } from './image-transfers.ts';
import { writeLayout } from './layout.fixture.ts';

const { signal } = new AbortController();
const BUILT = buildImage([writeTar([{ path: 'a', mode: 0o644, content: Buffer.from('a') }])]);
const DIGESTS: Readonly<Record<string, (image: BuiltImage) => string>> = {
  manifest: ({ manifest }) => manifest.digest,
  config: ({ config }) => config.digest,
  layer: ({ layers: [layer] }) => layer?.digest ?? '',
};

let store: StoreFixture;
let images: Images;
let transfers: ImageTransfers;
let name: string;

beforeEach(async () => {
  store = new StoreFixture();
  images = store.open();
  const registries = new Registries(nodeEffects());
  const connectWorker = () => Promise.reject(new Error('no helper runs here'));
  transfers = imageTransfers({ effects: nodeEffects(), root: store.root, registries, images, connectWorker });
  writeLayout(join(store.root, 'layout'), 'app', BUILT);
  name = `oci:${join(store.root, 'layout')}:app`;
  await images.pull(name);
});
afterEach(() => store.remove());

const change = (bytes: Buffer): Buffer =>
  Buffer.from(bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte)));

/** Damages a part of the image in the store. @returns its digest */
function hurt(part: string, how: (bytes: Buffer) => Buffer): string {
  const digest = DIGESTS[part]?.(BUILT) ?? '';
  const path = join(store.root, 'blobs/sha256', digest.slice('sha256:'.length));
  writeFileSync(path, how(readFileSync(path)));
  return digest;
}

const damaged = (digest: string) => ({
  ...{ code: 'images.damaged', kind: 'data-loss', message: expect.stringContaining(digest) },
  remedy: `isopod image verify --repair ${name}, then isopod pull ${name}`,
});

test.each([
  ['manifest', 'changed', change],
  ['config', 'changed', change],
  ['layer', 'changed', change],
  ['layer', 'cut short', (bytes: Buffer) => bytes.subarray(0, -1)],
  ['layer', 'too long', (bytes: Buffer) => Buffer.concat([bytes, bytes])],
])('a push of an image whose %s is %s in the store tells what brings it back', async (part, _, how) => {
  const digest = hurt(part, how);
  for (const kind of ['oci', 'docker-archive', 'tar']) {
    const target = `${kind}:${join(store.root, `made-${kind}`)}`;
    await expect(transfers.push({ image: name, target }, { signal })).rejects.toMatchObject(damaged(digest));
  }
});

test.each(['manifest', 'config', 'layer'])('so does a save of one whose %s is', async (part) => {
  const digest = hurt(part, change);
  const saved = async (): Promise<void> => {
    const archive = await transfers.save({ images: [name], format: 'oci-archive' }, signal);
    for await (const _ of archive);
  };
  await expect(saved()).rejects.toMatchObject(damaged(digest));
});
