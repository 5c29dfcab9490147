import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildImage, buildIndex, layoutOf } from './built-image.fixture.ts';
import { sha256Of } from './config-document.ts';
import { writeTar } from './embedded/tar-writer.ts';
import { StoreFixture } from './store.fixture.ts';

let store: StoreFixture;
let place: StoreFixture;

beforeEach(() => {
  store = new StoreFixture();
  place = new StoreFixture();
});

afterEach(() => {
  store.remove();
  place.remove();
});

const ONE = buildImage([writeTar([{ path: 'one', mode: 0o644, content: Buffer.from('one') }])]);
const TWO = buildImage([writeTar([{ path: 'two', mode: 0o644, content: Buffer.from('two') }])]);
const SINGLE = layoutOf(buildIndex([{ image: ONE, name: 'v1' }]), [ONE]);
const PAIR = layoutOf(
  buildIndex([
    { image: ONE, name: 'v1' },
    { image: TWO, name: 'docker.io/library/two:2' },
  ]),
  [ONE, TWO],
);

/** Writes a layout as a directory or as an archive; gives the reference without a name. */
async function write(files: ReadonlyMap<string, Uint8Array>, kind: 'oci' | 'oci-archive'): Promise<string> {
  const path = join(place.root, 'layout');
  if (kind === 'oci-archive') {
    await writeFile(path, writeTar([...files].map(([name, content]) => ({ path: name, mode: 0o644, content }))));
  } else {
    for (const [name, content] of files) {
      await mkdir(dirname(join(path, name)), { recursive: true });
      await writeFile(join(path, name), content);
    }
  }
  return `${kind}:${path}`;
}

for (const kind of ['oci', 'oci-archive'] as const) {
  test(`${kind}: the only image needs no name`, async () => {
    const reference = await write(SINGLE, kind);
    const image = await store.open().pull(reference);
    expect(image).toMatchObject({ id: ONE.config.digest, references: [reference] });
  });

  test(`${kind}: of several images one is chosen by name`, async () => {
    const reference = await write(PAIR, kind);
    const images = store.open();
    expect((await images.pull(`${reference}:v1`)).id).toBe(ONE.config.digest);
    expect((await images.pull(`${reference}:docker.io/library/two:2`)).id).toBe(TWO.config.digest);
    await expect(images.pull(reference)).rejects.toMatchObject({ code: 'layout.nameNeeded', kind: 'invalid-argument' });
    await expect(images.pull(`${reference}:v3`)).rejects.toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining('it has v1, docker.io/library/two:2'),
    });
  });

  test(`${kind}: an index inside the index is followed`, async () => {
    const inner = buildIndex([{ image: ONE, platform: { os: 'linux', architecture: 's390x', variant: undefined } }]);
    const outer = Buffer.from(
      buildIndex([])
        .toString()
        .replace('[]', JSON.stringify([descriptorOf(inner)])),
    );
    const files = new Map([...layoutOf(outer, [ONE]), [blobPath(inner), inner]]);
    const reference = await write(files, kind);
    await expect(store.open().pull(reference)).rejects.toMatchObject({
      code: 'image.noPlatform',
      message: expect.stringContaining('it has linux/s390x'),
    });
  });

  test(`${kind}: a missing blob and a wrong one are data loss`, async () => {
    const layer = blobPath(ONE.layers[0]?.bytes ?? Buffer.alloc(0));
    const lacking = new Map([...SINGLE].filter(([path]) => path !== layer));
    await expect(store.open().pull(await write(lacking, kind))).rejects.toMatchObject({ code: 'layout.missingBlob' });
    const length = ONE.layers[0]?.bytes.length ?? 0;
    const wrong = new Map([...SINGLE, [layer, Buffer.alloc(length)]]);
    await expect(store.open().pull(await write(wrong, kind))).rejects.toMatchObject({
      code: 'image-content.wrongDigest',
    });
    expect(await store.files()).toEqual([]);
  });
}

test('a path that is not there, not absolute or not a layout is named', async () => {
  const images = store.open();
  await expect(images.pull('oci:relative/path')).rejects.toMatchObject({ code: 'layout.relativePath' });
  await expect(images.pull(`oci:${place.root}/none`)).rejects.toMatchObject({ code: 'layout.missing' });
  await expect(images.pull(`oci:${place.root}`)).rejects.toMatchObject({
    code: 'layout.notALayout',
    message: expect.stringContaining('it has no file oci-layout'),
  });
  await expect(images.pull(`oci-archive:${place.root}`)).rejects.toMatchObject({ code: 'layout.notALayout' });
});

test('a layout may be reached through a link, a blob that is a link is refused', async () => {
  const reference = await write(SINGLE, 'oci');
  const path = reference.slice('oci:'.length);
  await symlink(path, join(place.root, 'link'));
  await store.open().pull(`oci:${place.root}/link`);
  const other = join(place.root, 'other');
  await mkdir(other);
  await symlink(join(path, 'oci-layout'), join(other, 'oci-layout'));
  await expect(store.open().pull(`oci:${other}`)).rejects.toMatchObject({ code: 'layout.notALayout' });
});

test('an archive may be compressed', async () => {
  const path = join(place.root, 'file');
  await writeFile(
    path,
    gzipSync(writeTar([...SINGLE].map(([name, content]) => ({ path: name, mode: 0o644, content })))),
  );
  const image = await store.open().pull(`oci-archive:${path}`);
  expect(image.id).toBe(ONE.config.digest);
});

test.each([
  ['an empty file', Buffer.alloc(0), 'no header'],
  ['noise', Buffer.alloc(4096, 0x41), 'without a number'],
])('%s is not taken for a layout', async (_name, bytes, reason) => {
  const path = join(place.root, 'file');
  await writeFile(path, bytes);
  await expect(store.open().pull(`oci-archive:${path}`)).rejects.toMatchObject({
    code: 'archive.malformed',
    message: expect.stringMatching(reason),
  });
});

function blobPath(bytes: Buffer): string {
  return `blobs/sha256/${descriptorOf(bytes).digest.slice('sha256:'.length)}`;
}

function descriptorOf(bytes: Buffer): { mediaType: string; digest: string; size: number } {
  return { mediaType: 'application/vnd.oci.image.index.v1+json', digest: sha256Of(bytes), size: bytes.length };
}
