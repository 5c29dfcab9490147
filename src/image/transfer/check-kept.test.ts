import { randomBytes } from 'node:crypto';
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
  const blobs = { sizeOf: async (digest: string) => (digest === gone ? undefined : 1) };
  const source = place.source(`oci:${place.path('layout')}:app`);
  const checked = checkKept(source, blobs, { limits: DEFAULT_LIMITS, signal: place.signal });
  await expect(checked).rejects.toMatchObject({ code: 'image-store.blobMissing', details: { digest: gone } });
});

test('one that is whole passes', async () => {
  const source = place.source(`oci:${place.path('layout')}:app`);
  await checkKept(source, { sizeOf: async () => 1 }, { limits: DEFAULT_LIMITS, signal: place.signal });
});
