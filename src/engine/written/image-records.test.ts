import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildImage } from '../../image/built-image.fixture.ts';
import { writeTar } from '../../image/embedded/tar-writer.ts';
import type { Images } from '../../image/images.ts';
import { MemorySource } from '../../image/store/memory-source.fixture.ts';
import { StoreFixture } from '../../image/store.fixture.ts';
import type { Image } from '../../model/image-config.ts';
import { imageRecordOperations } from './image-records.ts';

const NAME = 'docker.io/library/app:1';
const BUILT = buildImage([writeTar([{ path: 'a', mode: 0o644, content: Buffer.from('a') }])]);

let store: StoreFixture;
let images: Images;

beforeEach(() => {
  store = new StoreFixture();
  images = store.open();
});
afterEach(() => store.remove());

const HURT: Readonly<Record<string, (path: string) => void>> = {
  damaged: (path) => writeFileSync(path, '{}'),
  missing: (path) => rmSync(path),
};

/** What an inspection fails with once a document of an image is hurt. */
async function failure(image: Image, hurt: string, part: 'manifest' | 'config', text: string) {
  const digest = part === 'config' ? image.id : image.manifestDigest;
  HURT[hurt]?.(join(store.root, 'blobs/sha256', digest.slice('sha256:'.length)));
  const { details } = imageRecordOperations(images, (operation) => operation());
  const error = await details(text).catch((thrown) => thrown);
  expect(error).toMatchObject({ code: 'images.damaged', kind: 'data-loss', message: expect.stringContaining(digest) });
  return error;
}

test.each([
  ['manifest', 'damaged', `isopod image verify --repair ${NAME}, then isopod load the archive that it came from`],
  ['config', 'damaged', `isopod image verify --repair ${NAME}, then isopod load the archive that it came from`],
  ['manifest', 'missing', 'isopod load the archive that it came from'],
  ['config', 'missing', 'isopod load the archive that it came from'],
] as const)('of a loaded image whose %s is %s an inspection tells what brings it back', async (part, hurt, remedy) => {
  const image = await images.fetch(() => new MemorySource(BUILT).open(), [NAME]);
  expect(await failure(image, hurt, part, NAME)).toMatchObject({ remedy });
});

test('an image that is asked for by its id is told by its name', async () => {
  const image = await images.fetch(() => new MemorySource(BUILT).open(), [NAME]);
  const { message } = await failure(image, 'damaged', 'config', image.id);
  expect(message).toContain(`image ${NAME} `);
});

test('the remedy for an image without a name does not name what nobody can pull', async () => {
  const image = await images.fetch(() => new MemorySource(BUILT).open(), []);
  const error = await failure(image, 'missing', 'config', image.id);
  expect(error.remedy).toBe('isopod load the archive that it came from');
});
