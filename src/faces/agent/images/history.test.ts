import { expect, test } from 'vitest';
import type { Image } from '../../../model/image-config.ts';
import { historyOf } from './history.ts';

const image = { chainIds: ['sha256:1', 'sha256:2'], layerBytes: [10, 20] } as unknown as Image;
const layers = (history: unknown) =>
  historyOf({ image, config: { history } }).map(({ createdBy, layer, sizeBytes }) => [createdBy, layer, sizeBytes]);

test('steps come last first, and those that changed files have a layer', () => {
  expect(layers([{ created_by: 'ADD' }, { created_by: 'CMD', empty_layer: true }, { created_by: 'RUN' }])).toEqual([
    ['RUN', 'sha256:2', 20],
    ['CMD', null, 0],
    ['ADD', 'sha256:1', 10],
  ]);
});

test('a layer without a line is a step of which nothing is known, and a line without a layer has none', () => {
  expect(layers(undefined)).toEqual([
    ['', 'sha256:2', 20],
    ['', 'sha256:1', 10],
  ]);
  expect(layers([{ created_by: 'a' }, { created_by: 'b' }, { created_by: 'c' }, null])).toHaveLength(4);
});

test('what is of another shape is nothing', () => {
  expect(historyOf({ image, config: { history: [{ created: 5, created_by: ['x'], comment: {} }] } })[1]).toEqual({
    ...{ createdAt: null, createdBy: '', author: '', comment: '', layer: 'sha256:1', sizeBytes: 10 },
  });
});
