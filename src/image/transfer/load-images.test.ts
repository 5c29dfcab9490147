import { readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import { buildImage, buildIndex, layoutOf } from '../built-image.fixture.ts';
import { writeTar } from '../embedded/tar-writer.ts';
import { Registries } from '../registry/registries.ts';
import { StoreFixture } from '../store.fixture.ts';
import { type ImageTransfers, imageTransfers } from './image-transfers.ts';

const { signal } = new AbortController();
const IMAGE = buildImage([writeTar([{ path: 'file', mode: 0o644, content: Buffer.alloc(10) }])]);
let store: StoreFixture;
let transfers: ImageTransfers;

beforeEach(() => {
  store = new StoreFixture();
  transfers = imageTransfers({
    ...{ effects: nodeEffects(), root: store.root, registries: new Registries(nodeEffects()), images: store.open() },
    connectWorker: () => Promise.reject(new Error('no helper runs here')),
  });
});

afterEach(async () => {
  await expect.poll(() => readdirSync(store.root).filter((name) => name.startsWith('.tmp-'))).toEqual([]);
  store.remove();
});

async function* streamOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

/** An archive of these files. */
const tar = (files: Readonly<Record<string, string | Uint8Array>>): Uint8Array =>
  writeTar(Object.entries(files).map(([path, content]) => ({ path, mode: 0o644, content: Buffer.from(content) })));

const layout = Object.fromEntries(layoutOf(buildIndex([{ image: IMAGE, name: 'app:1' }]), [IMAGE]));
const { [`blobs/sha256/${IMAGE.config.digest.slice('sha256:'.length)}`]: _config, ...withoutConfig } = layout;

test.each<readonly [what: string, bytes: Uint8Array, code: string]>([
  ['nothing', Buffer.alloc(0), 'image-load.noBytes'],
  ['nothing, compressed', gzipSync(Buffer.alloc(0)), 'image-load.noBytes'],
  ['a text', Buffer.from('x'.repeat(2000)), 'archive.malformed'],
  ['a few bytes', Buffer.from('x'), 'archive.malformed'],
  ['a compressed text', gzipSync(Buffer.from('x'.repeat(2000))), 'archive.malformed'],
  ['other files', tar({ file: 'x' }), 'image-load.unknownFormat'],
  ['an empty list', tar({ 'manifest.json': '[]' }), 'image-load.empty'],
  ['a list that is none', tar({ 'manifest.json': 'x' }), 'docker-archive.malformed'],
  ['a list without its files', tar({ 'manifest.json': '[{"Config":"c"}]' }), 'docker-archive.malformed'],
  ['a layout of another version', tar({ 'oci-layout': '{"imageLayoutVersion":"9"}' }), 'layout.notALayout'],
  ['a layout without a config', tar(withoutConfig), 'layout.missingBlob'],
])('what errors call an archive that holds %s is what the user called it', async (_, bytes, code) => {
  const error = await transfers.load(streamOf(bytes), { shownAs: 'standard input', signal }).catch((one: Error) => one);
  expect(error).toMatchObject({ code, message: expect.stringContaining('standard input') });
  expect((error as Error).message).not.toContain(store.root);
});

test('of an empty archive is said what to do', async () => {
  await expect(transfers.load(streamOf(Buffer.alloc(0)), { signal })).rejects.toMatchObject({
    message: 'the archive is empty, and an archive of images was to come from it',
    remedy: expect.stringContaining('isopod load -i FILE'),
  });
});
