import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Digest } from '../model/digest.ts';
import { buildImage } from './built-image.fixture.ts';
import { writeTar } from './embedded/tar-writer.ts';
import { FakeRegistry } from './fake-registry.fixture.ts';
import type { Images } from './images.ts';
import { StoreFixture } from './store.fixture.ts';

let registry: FakeRegistry;
let store: StoreFixture;

beforeEach(async () => {
  registry = await FakeRegistry.start();
  store = new StoreFixture();
});

afterEach(async () => {
  expect(store.openWorkers).toBe(0);
  store.remove();
  await registry.stop();
});

function tar(name: string): Uint8Array {
  return writeTar([{ path: name, mode: 0o644, content: Buffer.from(name) }]);
}

/** Two images that share their lowest layer. */
async function pullTwo(images: Images): Promise<readonly [string, string]> {
  registry.push('app', '1', buildImage([tar('base'), tar('one')]));
  registry.push('app', '2', buildImage([tar('base'), tar('two')]));
  const texts = [`${registry.host}/app:1`, `${registry.host}/app:2`] as const;
  for (const text of texts) await images.pull(text);
  return texts;
}

test('removing an image keeps the layers that another one needs', async () => {
  const images = store.open();
  const [one, two] = await pullTwo(images);
  const first = await images.find(one);
  const removed = await images.remove(one, () => new Set());
  expect(removed).toEqual({ untagged: [one], deleted: [first?.id] });
  expect(await images.find(one)).toBeUndefined();
  const kept = await images.find(two);
  const files = await store.files();
  expect(files.filter((path) => path.startsWith('layers/')).map((path) => path.split('/')[1])).toEqual(
    [...(kept?.chainIds ?? [])].flatMap((id) => [id.slice(7), id.slice(7)]).sort(),
  );
  expect(files.filter((path) => path.startsWith('blobs/'))).toHaveLength(4);
  await images.remove(two, () => new Set());
  expect(await store.files()).toEqual(['images.json', 'index.json', 'oci-layout', 'reserve']);
});

test('an image with two names loses one of them, and by its id both', async () => {
  const images = store.open();
  const built = buildImage([tar('base')]);
  registry.push('app', '1', built);
  registry.push('app', '2', built);
  const texts = [`${registry.host}/app:1`, `${registry.host}/app:2`] as const;
  for (const text of texts) await images.pull(text);
  expect(await images.remove(texts[0], () => new Set())).toEqual({ untagged: [texts[0]], deleted: [] });
  await images.pull(texts[0]);
  expect(await images.remove(built.config.digest, () => new Set())).toEqual({
    untagged: texts,
    deleted: [built.config.digest],
  });
});

test('an image that a container uses stays', async () => {
  const images = store.open();
  const [one] = await pullTwo(images);
  const id = (await images.find(one))?.id;
  expect(id).toBeDefined();
  await expect(images.remove(one, () => new Set(id === undefined ? [] : [id]))).rejects.toMatchObject({
    kind: 'failed-precondition',
    remedy: expect.stringContaining('isopod ps -a'),
  });
  expect(await images.find(one)).toBeDefined();
});

test('by its id an image with names of several repositories stays when that is refused, and the names are told', async () => {
  const images = store.open();
  const built = buildImage([tar('base')]);
  registry.push('app', '1', built);
  registry.push('other', '1', built);
  registry.push('app', '2', built);
  const [one, other, two] = ['app:1', 'other:1', 'app:2'].map((name) => `${registry.host}/${name}`) as [
    string,
    string,
    string,
  ];
  for (const text of [one, other, two]) await images.pull(text);
  const refuse = { severalNames: 'refuse' } as const;
  const id = built.config.digest;
  await expect(images.remove(id, () => new Set(), refuse)).rejects.toMatchObject({
    code: 'images.severalNames',
    message: expect.stringContaining(other),
  });
  await images.remove(other, () => new Set(), refuse);
  expect((await images.remove(id, () => new Set(), refuse)).untagged).toEqual([one, two]);
});

test('an image that a container uses may lose its last name, and stays without', async () => {
  const images = store.open();
  const [one] = await pullTwo(images);
  const id = (await images.find(one))?.id as Digest;
  const used = () => new Set([id]);
  const untag = { used: 'untag' } as const;
  expect(await images.remove(one, used, untag)).toEqual({ untagged: [one], deleted: [] });
  expect((await images.find(id))?.references).toEqual([]);
  await expect(images.remove(id, used, untag)).rejects.toMatchObject({ code: 'images.inUse' });
});

test('an image that a container begins to use while its removal waits stays', async () => {
  const images = store.open();
  const [one, two] = await pullTwo(images);
  const used = new Set<Digest>();
  const id = (await images.find(two))?.id;
  const first = images.remove(one, () => used);
  const second = images.remove(two, () => used);
  if (id !== undefined) used.add(id);
  const [gone, kept] = await Promise.allSettled([first, second]);
  expect(gone.status).toBe('fulfilled');
  expect(kept).toMatchObject({ status: 'rejected', reason: { code: 'images.inUse' } });
});

test('removing what is not there says so', async () => {
  await expect(store.open().remove('nothing', () => new Set())).rejects.toMatchObject({
    kind: 'not-found',
    message: 'there is no image nothing here',
  });
});

test('a removal during a pull leaves the layers that the pull counts on', async () => {
  const images = store.open();
  const first = buildImage([tar('base'), tar('one')]);
  registry.push('app', '1', first);
  const second = buildImage([tar('base'), tar('two')]);
  registry.push('app', '2', second);
  await images.pull(`${registry.host}/app:1`);
  let removal: Promise<unknown> | undefined;
  registry.misbehave = (request, response) => {
    if (removal !== undefined || !(request.url ?? '').includes(second.layers[1]?.digest ?? '-')) return false;
    removal = images
      .remove(`${registry.host}/app:1`, () => new Set())
      .then(() => response.end(second.layers[1]?.bytes));
    return true;
  };
  const image = await images.pull(`${registry.host}/app:2`);
  await removal;
  for (const chainId of image.chainIds) await readFile(`${images.layerDirectory(chainId)}/tar`);
  expect(await images.list()).toHaveLength(1);
});

test('a start sweeps what a killed process left, and keeps what images name', async () => {
  const [one] = await pullTwo(store.open());
  const before = await store.files();
  await mkdir(join(store.root, 'layers/tmp-0011/deep'), { recursive: true });
  await writeFile(join(store.root, 'layers/tmp-0011/deep/file'), 'x');
  await mkdir(join(store.root, 'layers', 'e'.repeat(64)));
  await writeFile(join(store.root, 'layers', 'e'.repeat(64), 'file'), 'layer of a pull that was killed before its end');
  await writeFile(join(store.root, 'blobs/sha256/.tmp-0011'), 'half');
  await writeFile(join(store.root, 'blobs/sha256', 'e'.repeat(64)), 'config of the same pull');
  await writeFile(join(store.root, '.tmp-0011'), 'half');
  const images = store.open();
  await images.recover();
  expect(await store.files()).toEqual(before);
  expect(await images.find(one)).toBeDefined();
});

test('a start without a list of images deletes no layer', async () => {
  await pullTwo(store.open());
  await rm(join(store.root, 'images.json'));
  const before = await store.files();
  await store.open().recover();
  expect(await store.files()).toEqual(before);
});

test('a fresh root needs no recovery', async () => {
  await store.open().recover();
  expect(store.steps).toEqual([]);
});

test.each([
  '{"version":2,"images":[null],"names":{}}',
  '{"version":2,"images":[],"names":{"a":null}}',
  '',
  '{"version":3,"images":[],"names":{}}',
  '{"version":1}',
  '{"version":2,"images":[],"references":{}}',
  'null',
])('a list of images that reads %j is data loss', async (content) => {
  await writeFile(join(store.root, 'images.json'), content);
  await expect(store.open().list()).rejects.toMatchObject({
    kind: 'data-loss',
    message: expect.stringContaining(join(store.root, 'images.json')),
  });
});

test('the beginning of several ids is ambiguous', async () => {
  const record = { chainIds: [], layerBytes: [] };
  const ids = ['1', '2'].map((digit) => `sha256:abcd${digit.repeat(60)}`);
  await writeFile(
    join(store.root, 'images.json'),
    JSON.stringify({ version: 1, images: ids.map((id) => ({ ...record, id, manifestDigest: id })), references: {} }),
  );
  const images = store.open();
  await expect(images.find('abcd')).rejects.toMatchObject({ code: 'image-index.ambiguous' });
  expect((await images.find('abcd2'))?.id).toBe(ids[1]);
});

test('an embedded image is put together once and is an image like any other', async () => {
  const program = join(store.root, 'program');
  await writeFile(program, 'ELF');
  const images = store.open({ embeddedPrograms: { hello: program } });
  const image = await images.embedded('hello');
  expect(image).toMatchObject({ references: ['embedded:hello'], config: { entrypoint: ['/hello'] } });
  const written = await readFile(join(store.root, 'images.json'), 'utf8');
  expect(await images.embedded('hello')).toEqual(image);
  expect(await images.pull('embedded:hello')).toEqual(image);
  expect(await readFile(join(store.root, 'images.json'), 'utf8')).toBe(written);
  expect(store.steps.filter(({ op }) => op === 'sync-filesystem')).toHaveLength(1);
  expect(await images.find('hello')).toBeUndefined();
  expect(await images.embedded('other')).toBeUndefined();
  await expect(images.pull('embedded:other')).rejects.toMatchObject({ kind: 'not-found' });
  await images.remove('embedded:hello', () => new Set());
  expect(await store.files()).toEqual(['images.json', 'index.json', 'oci-layout', 'program', 'reserve']);
});

test('an embedded image is pulled and removed by the name it is run by, for our platform only', async () => {
  const program = join(store.root, 'program');
  await writeFile(program, 'v1');
  const images = store.open({ embeddedPrograms: { hello: program } });
  expect((await images.pull('hello')).references).toEqual(['embedded:hello']);
  await expect(images.pull('hello', { platform: 'linux/s390x' })).rejects.toMatchObject({ code: 'image.noPlatform' });
  expect((await images.remove('hello', () => new Set())).untagged).toEqual(['embedded:hello']);
  expect(await images.list()).toEqual([]);
});

test('a newer program replaces the embedded image', async () => {
  const program = join(store.root, 'program');
  await writeFile(program, 'ELF 1');
  const images = store.open({ embeddedPrograms: { hello: program } });
  const first = await images.embedded('hello');
  await writeFile(program, 'ELF 2');
  const second = await images.embedded('hello');
  expect(second?.id).not.toBe(first?.id);
  expect((await images.find('embedded:hello'))?.id).toBe(second?.id);
});

test('an embedded image without its program says what to do', async () => {
  const images = store.open({ embeddedPrograms: { hello: join(store.root, 'missing') } });
  await expect(images.embedded('hello')).rejects.toMatchObject({
    kind: 'failed-precondition',
    remedy: 'run npm run build',
  });
});
