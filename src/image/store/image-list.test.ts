import { expect, test } from 'vitest';
import type { Digest } from '../../model/digest.ts';
import { type ImageList, imageListText, imagesOf, parseImageList, settledList } from './image-list.ts';
import type { ImageRecord } from './image-record.ts';

const digestOf = (digit: string): Digest => `sha256:${digit.repeat(64)}` as Digest;

function record(id: string, manifest: string, more: Partial<ImageRecord> = {}): ImageRecord {
  const config = { entrypoint: [], cmd: [], env: [], workdir: '', user: '', labels: {}, stopSignal: undefined };
  const rest = {
    chainIds: [],
    layerBytes: [],
    sizeBytes: 0,
    createdAt: '2026-01-01',
    architecture: 'amd64',
    os: 'linux',
  };
  return { id: digestOf(id), manifestDigest: digestOf(manifest), config, ...rest, ...more };
}

function listOf(records: readonly ImageRecord[], names: Readonly<Record<string, string>>): ImageList {
  return {
    records: new Map(records.map((one) => [one.manifestDigest, one])),
    names: new Map(Object.entries(names).map(([name, manifest]) => [name, { manifest: digestOf(manifest) }])),
  };
}

const manifestsOf = (list: ImageList): readonly string[] =>
  [...list.records.keys()].map((digest) => digest.slice(7, 8));

test('a list is read as it was written', () => {
  const list = listOf([record('1', 'a'), record('1', 'b')], { one: 'a', two: 'b' });
  const read = parseImageList('/images.json', imageListText(list));
  expect([...read.records.keys()]).toEqual([...list.records.keys()]);
  expect([...read.names]).toEqual([...list.names]);
});

test('a list whose names stand for ids is read as one whose names stand for manifests, each with its verdict', () => {
  const trust = { judgedAtMs: 1, scope: 'default', signatures: [] };
  const images = [record('1', 'a', { trust }), record('2', 'b')];
  const references = { one: digestOf('1'), two: digestOf('2'), gone: digestOf('3') };
  const { names } = parseImageList('/images.json', JSON.stringify({ version: 1, images, references }));
  expect([...names]).toEqual([
    ['one', { manifest: digestOf('a'), trust }],
    ['two', { manifest: digestOf('b') }],
  ]);
});

test('of an image with names only the records stay that names stand for, and of one without the one of its id', () => {
  const records = [record('1', 'a'), record('1', 'b'), record('2', 'c'), record('2', 'd'), record('3', 'e')];
  expect(manifestsOf(settledList(listOf(records, { one: 'b' })))).toEqual(['b', 'd', 'e']);
});

test('what is known of the repositories of an image is known of each record that stays', () => {
  const records = [record('1', 'a', { repositories: ['x'] }), record('1', 'b', { repositories: ['y', 'x'] })];
  const [left] = settledList(listOf(records, { one: 'a' })).records.values();
  expect(left?.repositories?.toSorted()).toEqual(['x', 'y']);
});

test('an id stands for what was pulled last, and else for what came last', () => {
  const records = [
    record('1', 'a'),
    record('1', 'b'),
    record('1', 'c', { comesBy: 'load' }),
    record('2', 'd', { comesBy: 'make' }),
    record('2', 'e', { comesBy: 'load' }),
  ];
  const images = imagesOf(listOf(records, { one: 'a', two: 'c', three: 'd' }));
  expect(images.map(({ records: [first] }) => first.manifestDigest.slice(7, 8))).toEqual(['b', 'e']);
  expect(images.map(({ references }) => references)).toEqual([['one', 'two'], ['three']]);
});
