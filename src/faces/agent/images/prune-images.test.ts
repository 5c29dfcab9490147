import { expect, test } from 'vitest';
import { EngineError } from '../../../model/error.ts';
import type { Image } from '../../../model/image-config.ts';
import { pruneImages } from './prune-images.ts';

const USED = 'docker.io/library/used:latest';
const FREE = 'docker.io/library/free:1';

function imageOf(digit: string, references: readonly string[]): Image {
  return { id: `sha256:${digit.repeat(64)}`, references } as unknown as Image;
}

function engineOf(images: readonly Image[]) {
  const removed: string[] = [];
  const removeImage = async (id: string) => {
    const image = images.find((one) => one.id === id);
    if (image?.references.includes(USED)) {
      throw new EngineError({ kind: 'failed-precondition', code: 'images.inUse', message: 'in use' });
    }
    removed.push(id);
    return { untagged: image?.references ?? [], deleted: [id] };
  };
  return { engine: { listImages: async () => images, removeImage }, removed };
}

const IMAGES = [imageOf('a', [USED]), imageOf('b', [FREE]), imageOf('c', [])];

test('all that no container uses goes, and what one uses stays', async () => {
  const { engine } = engineOf(IMAGES);
  expect(await pruneImages(engine, { all: true, excluded: [] })).toEqual({
    untagged: [FREE],
    deleted: [IMAGES[1]?.id, IMAGES[2]?.id],
  });
});

test('unless all are meant only those without a name go', async () => {
  const { engine, removed } = engineOf(IMAGES);
  await pruneImages(engine, { all: false, excluded: [] });
  expect(removed).toEqual([IMAGES[2]?.id]);
});

test.each(['free:1', FREE, `sha256:${'b'.repeat(64)}`, 'b'.repeat(12)])(
  '%s stays when it is excluded',
  async (text) => {
    const { engine, removed } = engineOf(IMAGES);
    await pruneImages(engine, { all: true, excluded: [text] });
    expect(removed).toEqual([IMAGES[2]?.id]);
  },
);

test('an exclusion that is no reference is refused before anything goes', async () => {
  const { engine, removed } = engineOf(IMAGES);
  const refused = pruneImages(engine, { all: true, excluded: ['UPPER CASE'] });
  await expect(refused).rejects.toMatchObject({ kind: 'invalid-argument' });
  expect(removed).toEqual([]);
});
