import { expect, test } from 'vitest';
import { nodeEffects } from '../base/effects/node-effects.ts';
import { parseContainerUid } from '../model/container-id.ts';
import { overlayProvisioner } from './overlay-provisioner.ts';
import { provisionerContract, withLayers } from './provisioner.contract.ts';

provisionerContract('overlay', overlayProvisioner);

test('overlay: the top layer comes first, and the container gets its own upper and work directories', async () => {
  await withLayers(3, async ({ root, image, images }) => {
    const recipe = await overlayProvisioner(nodeEffects().files, images).recipe(
      parseContainerUid('0123456789ab'),
      image,
      { upperDir: '/c/upper', workDir: '/c/work' },
    );
    expect(recipe).toEqual({
      kind: 'overlay',
      lowerDirs: ['2', '1', '0'].map((digit) => `${root}/layers/${digit.repeat(64)}`),
      upperDir: '/c/upper',
      workDir: '/c/work',
    });
  });
});

test('overlay: an image without layers is refused', async () => {
  await withLayers(0, async ({ image, images }) => {
    const provisioner = overlayProvisioner(nodeEffects().files, images);
    const directories = { upperDir: '/c/upper', workDir: '/c/work' };
    await expect(provisioner.recipe(parseContainerUid('0123456789ab'), image, directories)).rejects.toMatchObject({
      code: 'provisioner.noLayers',
    });
  });
});
