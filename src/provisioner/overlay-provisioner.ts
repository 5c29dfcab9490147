import type { Files } from '../base/effects.ts';
import type { Images } from '../image/images.ts';
import { defineErrors } from '../model/error.ts';
import type { RootfsRecipe } from '../model/launch-plan.ts';
import type { Provisioner } from './provisioner.ts';

export const provisionerErrors = defineErrors('provisioner', {
  layerMissing: {
    kind: 'data-loss',
    message: (d: { image: string; layer: string; directory: string }) =>
      `image ${d.image} has lost layer ${d.layer}: there is no directory ${d.directory}`,
    remedy: () => 'pull the image again',
  },
  noLayers: {
    kind: 'failed-precondition',
    message: (d: { image: string }) => `image ${d.image} has no layers, so there is nothing to run in it`,
  },
});

/** Layers stacked by an overlay mount that the launch itself makes. */
export function overlayProvisioner(files: Files, images: Pick<Images, 'layerDirectory'>): Provisioner {
  return {
    recipe: async (_uid, image, { upperDir, workDir }): Promise<RootfsRecipe> => {
      const name = image.references[0] ?? image.id;
      if (image.chainIds.length === 0) throw provisionerErrors.noLayers({ image: name });
      const lowerDirs = image.chainIds.map((chainId) => images.layerDirectory(chainId)).reverse();
      const present = await Promise.all(lowerDirs.map((directory) => files.exists(directory)));
      const missing = present.lastIndexOf(false);
      if (missing >= 0) {
        const layer = image.chainIds[image.chainIds.length - 1 - missing] ?? '';
        throw provisionerErrors.layerMissing({ image: name, layer, directory: lowerDirs[missing] ?? '' });
      }
      return { kind: 'overlay', lowerDirs, upperDir, workDir };
    },
  };
}
