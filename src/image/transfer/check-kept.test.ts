import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildImage } from '../built-image.fixture.ts';
import { writeTar } from '../embedded/tar-writer.ts';
import { DEFAULT_LIMITS } from '../limits.ts';
import { checkKept } from './check-kept.ts';
import { writeLayout } from './layout.fixture.ts';
import { TransferPlace } from './transfer-ports.fixture.ts';

const IMAGE = buildImage(['one', 'two'].map((path) => writeTar([{ path, mode: 0o644, content: randomBytes(100) }])));
let place: TransferPlace;

beforeEach(() => {
  place = new TransferPlace();
  writeLayout(place.path('layout'), 'app', IMAGE);
});

afterEach(() => place.remove());

test.each([0, 1])('an image whose layer %i is gone is told before anything of it is read', async (index) => {
  const gone = IMAGE.layers[index]?.digest;
  const blobs = { sizeOf: async (digest: string) => (digest === gone ? undefined : whole.sizeOf(digest)) };
  const source = place.source(`oci:${place.path('layout')}:app`);
  const checked = checkKept(source, blobs, options());
  await expect(checked).rejects.toMatchObject({ code: 'image-store.blobMissing', details: { digest: gone } });
});

/** What a store has that has all of the image. */
const whole = {
  sizeOf: async (digest: string) =>
    [IMAGE.config, ...IMAGE.layers].find((blob) => blob.digest === digest)?.bytes.length,
};
const image = { name: 'app', remedy: async (digest: string) => `bring ${digest} back` };
const options = () => ({ limits: DEFAULT_LIMITS, signal: place.signal, image });

test('one that is whole passes', async () => {
  await checkKept(place.source(`oci:${place.path('layout')}:app`), whole, options());
});

test.each([
  ['config', IMAGE.config.digest],
  ['manifest', IMAGE.manifest.digest],
])('an image whose %s is damaged is told before anything of it is sent', async (_, digest) => {
  const path = place.path(`layout/blobs/sha256/${digest.slice('sha256:'.length)}`);
  writeFileSync(path, readFileSync(path, 'utf8').replace(/[0-9a-f]{8}/, '00000000'));
  const checked = checkKept(place.source(`oci:${place.path('layout')}:app`), whole, options());
  await expect(checked).rejects.toMatchObject({
    ...{ code: 'images.damaged', kind: 'data-loss' },
    message: expect.stringContaining(digest),
    remedy: `bring ${digest} back`,
  });
});

test.each([-1, 1])('an image whose layer has %i bytes too many is told too', async (difference) => {
  const blobs = { sizeOf: async (digest: string) => ((await whole.sizeOf(digest)) ?? 0) + difference };
  const checked = checkKept(place.source(`oci:${place.path('layout')}:app`), blobs, options());
  await expect(checked).rejects.toMatchObject({ code: 'images.damaged' });
});
