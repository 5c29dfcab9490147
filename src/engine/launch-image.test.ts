import { expect, test } from 'vitest';
import type { Images } from '../image/images.ts';
import { completeConfig } from '../model/container-request.ts';
import { credentialFor, resolveImage } from './launch-image.ts';

const credential = { kind: 'password', username: 'u', password: 'p' } as const;
const VOLUME = { kind: 'image', reference: 'volumes.example/data:1', containerPath: '/data', readOnly: true } as const;
const FETCH = [{ uri: 'image:files.example/app:1#/app' }];

function shown(request: Partial<Parameters<typeof completeConfig>[0]>, reference: string): boolean {
  const config = completeConfig({ rootfs: { kind: 'none' }, command: ['true'], ...request });
  return credentialFor({ config, credential }, reference) !== undefined;
}

test('a credential is shown for every image of the registry that the root file system comes from', () => {
  const request = {
    rootfs: { kind: 'image', reference: 'files.example/base:1' },
    volumes: [VOLUME],
    fetch: FETCH,
  } as const;
  expect(shown(request, 'files.example/base:1')).toBe(true);
  expect(shown(request, 'files.example/app:1')).toBe(true);
});

test('no other registry sees a credential', () => {
  const request = {
    rootfs: { kind: 'image', reference: 'base.example/base:1' },
    volumes: [VOLUME],
    fetch: FETCH,
  } as const;
  expect(shown(request, 'volumes.example/data:1')).toBe(false);
  expect(shown(request, 'files.example/app:1')).toBe(false);
  expect(shown({ ...request, rootfs: { kind: 'image', reference: 'base' } }, 'base.example/base:1')).toBe(false);
});

test('without an image of a registry at the root, the first one that is named says whose it is', () => {
  expect(shown({ volumes: [VOLUME], fetch: FETCH }, 'volumes.example/data:1')).toBe(true);
  expect(shown({ volumes: [VOLUME], fetch: FETCH }, 'files.example/app:1')).toBe(false);
  expect(shown({ fetch: FETCH }, 'files.example/app:1')).toBe(true);
  const rootfs = { kind: 'image', reference: 'oci:/srv/layout:1' } as const;
  expect(shown({ rootfs, fetch: FETCH }, 'files.example/app:1')).toBe(true);
});

test.each([
  ['never', 'the pull policy is never'],
  ['caller', 'whoever launches the container pulls it'],
] as const)('an image that is not here and is pulled by %s is told with the reason', async (pull, why) => {
  const images = { find: async () => undefined, embedded: async () => undefined } as unknown as Images;
  const config = { rootfs: { kind: 'image', reference: 'app' } } as const;
  const resolving = resolveImage(images, { config, pull }, new AbortController().signal);
  await expect(resolving).rejects.toMatchObject({ code: 'engine.imageMissing', details: { why } });
});
