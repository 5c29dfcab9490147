import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeEffects } from '../base/effects/node-effects.ts';
import type { Files } from '../base/effects.ts';
import type { Images } from '../image/images.ts';
import { parseContainerUid } from '../model/container-id.ts';
import { parseDigest } from '../model/digest.ts';
import type { Image } from '../model/image-config.ts';
import type { Provisioner } from './provisioner.ts';

export type MakeProvisioner = (files: Files, images: Pick<Images, 'layerDirectory'>) => Provisioner;

const UID = parseContainerUid('0123456789ab');

/** The laws that every provisioner keeps. */
export function provisionerContract(name: string, make: MakeProvisioner): void {
  test(`${name}: a recipe touches neither the layers nor the container's directories`, async () => {
    await withLayers(2, async ({ root, image, images }) => {
      const directories = { upperDir: `${root}/upper`, workDir: `${root}/work` };
      const before = await readdir(root, { recursive: true });
      await make(nodeEffects().files, images).recipe(UID, image, directories);
      expect(await readdir(root, { recursive: true })).toEqual(before);
    });
  });

  test(`${name}: the same image gives the same recipe`, async () => {
    await withLayers(3, async ({ root, image, images }) => {
      const directories = { upperDir: `${root}/upper`, workDir: `${root}/work` };
      const provisioner = make(nodeEffects().files, images);
      const first = await provisioner.recipe(UID, image, directories);
      expect(await provisioner.recipe(UID, image, directories)).toEqual(first);
    });
  });

  test(`${name}: a layer that is gone is data loss and named`, async () => {
    await withLayers(3, async ({ root, image, images }) => {
      const lost = image.chainIds[1] ?? image.id;
      await rm(images.layerDirectory(lost), { recursive: true });
      const directories = { upperDir: `${root}/upper`, workDir: `${root}/work` };
      await expect(make(nodeEffects().files, images).recipe(UID, image, directories)).rejects.toMatchObject({
        kind: 'data-loss',
        code: 'provisioner.layerMissing',
        message: expect.stringContaining(lost),
      });
    });
  });
}

/** An image of so many layers whose directories exist, bottom first, for the length of `use`. */
export async function withLayers(
  count: number,
  use: (fixture: {
    readonly root: string;
    readonly image: Image;
    readonly images: Pick<Images, 'layerDirectory'>;
  }) => Promise<void>,
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'isopod-provisioner-'));
  try {
    const chainIds = Array.from({ length: count }, (_, index) => parseDigest(`sha256:${`${index}`.repeat(64)}`));
    const images = { layerDirectory: (chainId: string) => `${root}/layers/${chainId.slice('sha256:'.length)}` };
    for (const chainId of chainIds) await mkdir(images.layerDirectory(chainId), { recursive: true });
    const id = parseDigest(`sha256:${'f'.repeat(64)}`);
    const config = {
      entrypoint: [],
      cmd: [],
      env: [],
      workdir: '',
      user: '',
      labels: {},
      stopSignal: undefined,
    };
    const rest = {
      createdAt: undefined,
      architecture: 'amd64',
      os: 'linux',
      layerBytes: [],
      sizeBytes: 0,
      references: ['r.io/app:1'],
    };
    await use({ root, images, image: { id, manifestDigest: id, config, chainIds, ...rest } });
  } finally {
    await rm(root, { recursive: true });
  }
}
