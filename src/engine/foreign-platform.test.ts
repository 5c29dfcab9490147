import { expect, test } from 'vitest';
import { foreignPlatform, foreignWarnings } from './foreign-platform.ts';

const APP = { rootfs: { kind: 'image', reference: 'app:1' } } as const;

test.each([
  ['x86_64', 'linux', 'amd64', undefined],
  ['x86_64', 'linux', '386', undefined],
  ['aarch64', 'linux', 'arm', undefined],
  ['x86_64', 'linux', 'arm64', { image: 'linux/arm64', host: 'linux/amd64' }],
  ['aarch64', 'linux', 'amd64', { image: 'linux/amd64', host: 'linux/arm64' }],
  ['x86_64', 'freebsd', 'amd64', { image: 'freebsd/amd64', host: 'linux/amd64' }],
] as const)('on %s an image for %s/%s is foreign as %j', (architecture, os, own, foreign) => {
  expect(foreignPlatform({ os, architecture: own }, { architecture })).toEqual(foreign);
});

test('a root file system that is no image is foreign nowhere, and nobody is warned', () => {
  expect(foreignPlatform(undefined, { architecture: 'x86_64' })).toBeUndefined();
  expect(foreignWarnings({ config: APP, foreignPlatform: undefined })).toEqual([]);
});

test('a warning names the image and both platforms', () => {
  const platform = { image: 'linux/arm64', host: 'linux/amd64' };
  expect(foreignWarnings({ config: APP, foreignPlatform: platform })).toEqual([
    'the platform of image app:1 (linux/arm64) does not match the platform of this machine (linux/amd64)',
  ]);
});
