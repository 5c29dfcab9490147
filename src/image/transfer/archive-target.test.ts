import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildImage, layoutOf } from '../built-image.fixture.ts';
import { writeTar } from '../embedded/tar-writer.ts';
import { layoutImages } from '../layout/layout-source.ts';
import { writeLayout } from './layout.fixture.ts';
import { TransferPlace } from './transfer-ports.fixture.ts';

const [OLD, NEW] = ['old', 'new'].map((path) =>
  buildImage([writeTar([{ path, mode: 0o644, content: randomBytes(10_000) }])]),
);
let place: TransferPlace;
let file: string;

beforeEach(() => {
  place = new TransferPlace();
  file = place.path('made.tar');
  if (OLD !== undefined) writeLayout(place.path('old'), 'app', OLD);
  if (NEW !== undefined) writeLayout(place.path('new'), 'app', NEW);
});

afterEach(async () => {
  expect(await place.leftovers()).toEqual([]);
  expect(readdirSync(place.root).filter((name) => name.startsWith('.tmp-'))).toEqual([]);
  place.remove();
});

const copy = (from: string, to: string): Promise<string> => place.copy(`oci:${place.path(from)}:app`, to);

/** Each image that an archive has, by its name, whole: with its digest. */
async function imagesOf(): Promise<Readonly<Record<string, string>>> {
  const images = await layoutImages({ kind: 'oci-archive', path: file, name: undefined }, place.ports);
  const found: Record<string, string> = {};
  for (const { refName } of images) {
    const to = `oci:${place.path('read')}:${refName ?? 'none'}`;
    found[refName ?? ''] = await place.copy(`oci-archive:${file}${refName === undefined ? '' : `:${refName}`}`, to);
  }
  return found;
}

describe('an oci-archive that is there', () => {
  test('takes a further image, and the one that it has stays whole', async () => {
    await copy('old', `oci-archive:${file}:a`);
    await copy('new', `oci-archive:${file}:b`);
    expect(await imagesOf()).toEqual({ a: OLD?.manifest.digest, b: NEW?.manifest.digest });
  });

  test('keeps nothing of an image whose name the new one has', async () => {
    await copy('old', `oci-archive:${file}:a`);
    await copy('new', `oci-archive:${file}:a`);
    expect(await imagesOf()).toEqual({ a: NEW?.manifest.digest });
    expect(readFileSync(file).includes(OLD?.layers[0]?.bytes ?? '')).toBe(false);
  });

  test('has one image without a name, the latest', async () => {
    await copy('old', `oci-archive:${file}`);
    await copy('new', `oci-archive:${file}`);
    expect(await imagesOf()).toEqual({ '': NEW?.manifest.digest });
  });

  test('takes one also where it is compressed, and is plain afterwards', async () => {
    await copy('old', `oci-archive:${file}:a`);
    writeFileSync(file, gzipSync(readFileSync(file)));
    await copy('new', `oci-archive:${file}:b`);
    expect(await imagesOf()).toEqual({ a: OLD?.manifest.digest, b: NEW?.manifest.digest });
  });

  test('takes all of several that come at once', async () => {
    const names = ['a', 'b', 'c', 'd'];
    await Promise.all(names.map((name) => copy('new', `oci-archive:${file}:${name}`)));
    expect(Object.keys(await imagesOf()).sort()).toEqual(names);
  });

  test('keeps what others have written of its images', async () => {
    const annotations = { x: 'y', 'org.opencontainers.image.ref.name': 'a' };
    const { manifests } = JSON.parse(readFileSync(place.path('old/index.json'), 'utf8'));
    const index = { schemaVersion: 2, manifests: [{ ...manifests[0], annotations }] };
    const files = new Map(layoutOf(Buffer.from(JSON.stringify(index)), OLD === undefined ? [] : [OLD]));
    writeFileSync(file, writeTar([...files].map(([path, content]) => ({ path, mode: 0o644, content }))));
    await copy('new', `oci-archive:${file}:b`);
    expect(readFileSync(file, 'latin1')).toContain(JSON.stringify(annotations));
  });

  test.each([
    ['no archive', Buffer.from('notes of mine')],
    ['an archive of other things', Buffer.from(writeTar([{ path: 'x', mode: 0o644, content: Buffer.alloc(1) }]))],
  ])('and is %s is refused before anything is copied, and stays', async (_, bytes) => {
    writeFileSync(file, bytes);
    await expect(place.target(`oci-archive:${file}:a`)).rejects.toMatchObject({
      kind: 'failed-precondition',
      code: 'image-target.notAdded',
      message: expect.stringContaining(file),
    });
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });
});

describe('a docker-archive that is there', () => {
  test('is refused before anything is copied, and stays', async () => {
    await copy('old', `docker-archive:${file}:app:1`);
    const before = readFileSync(file);
    await expect(place.target(`docker-archive:${file}:app:2`)).rejects.toMatchObject({
      kind: 'already-exists',
      code: 'image-target.exists',
      message: expect.stringContaining(`${file} is there already (${before.length} bytes)`),
    });
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test('is written where it is empty', async () => {
    writeFileSync(file, '');
    await copy('old', `docker-archive:${file}:app:1`);
    expect(existsSync(file) && readFileSync(file).length).toBeGreaterThan(10_000);
  });

  test('is one of those that come at once, and the others are refused', async () => {
    const copies = ['1', '2', '3'].map((tag) => copy('new', `docker-archive:${file}:app:${tag}`));
    const ends = await Promise.allSettled(copies);
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const end of ends) {
      if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'image-target.exists' });
    }
  });
});
