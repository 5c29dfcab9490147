import { expect, test } from 'vitest';
import { parsePlatform } from '../../model/platform.ts';
import { platformsAsked } from './check-platform.ts';

const OWN = parsePlatform('linux/amd64');

test.each([
  [{}, OWN],
  [{ all: false }, OWN],
  [{ platform: 'aarch64' }, parsePlatform('linux/arm64')],
  [{ all: true }, 'all'],
])('a copy for which %o is asked takes %o', (asked, platforms) => {
  expect(platformsAsked(asked, OWN)).toEqual(platforms);
});

test('every platform and a single one are not asked for at once', () => {
  const refusal = expect.objectContaining({ code: 'image-transfer.allAndOne', details: { platform: 'arm64' } });
  expect(() => platformsAsked({ all: true, platform: 'arm64' }, OWN)).toThrow(refusal);
});
