import { expect, test } from 'vitest';
import { imageTable } from './image-list.ts';

const image = { id: `sha256:${'0123456789abcdef'.repeat(4)}`, sizeBytes: 2_000_000, platform: 'linux/amd64' };
const NOW = Date.parse('2026-01-02T00:00:00Z');

test('an image has a line for each of its references, or one without', () => {
  const created = '2026-01-01T00:00:00Z';
  const tagged = { ...image, references: ['a:1', 'b:2'], createdAt: created };
  const untagged = { ...image, references: [], createdAt: created };
  expect(imageTable([tagged, untagged], { nowMs: NOW }).split('\n').slice(1, -1)).toEqual([
    'a:1        0123456789ab  linux/amd64  1 day ago  2.0 MB',
    'b:2        0123456789ab  linux/amd64  1 day ago  2.0 MB',
    '<none>     0123456789ab  linux/amd64  1 day ago  2.0 MB',
  ]);
});

test.each([null, '0001-01-01T00:00:00Z', '1970-01-01T00:00:00Z', 'no time'])(
  'created at %s is unknown',
  (createdAt) => {
    expect(imageTable([{ ...image, references: ['a:1'], createdAt }], { nowMs: NOW })).toMatch(
      /linux\/amd64 {2}unknown {2}2\.0 MB/,
    );
  },
);
