import type { Files } from '../base/effects.ts';
import type { Images } from '../image/images.ts';
import type { BackendName } from '../model/backend.ts';
import type { Image } from '../model/image-config.ts';
import type { Backend, StoredLayer } from './backend.ts';
import { chooseBackend } from './choose.ts';
import { provisionerErrors } from './errors.ts';
import type { Provisioner } from './provisioner.ts';

interface ProvisionerParts {
  readonly files: Pick<Files, 'exists'>;
  readonly images: Pick<Images, 'layerDirectory'>;
  readonly backends: Readonly<Record<BackendName, Backend>>;
  /** What the agent was told to take for containers that ask for none. */
  readonly agentsChoice?: BackendName | undefined;
}

/** The provisioner of images: finds the layers, chooses a backend, and leaves the rest to it. */
export function imageProvisioner({ files, images, backends, agentsChoice }: ProvisionerParts): Provisioner {
  const all = Object.values(backends);
  const layersOf = (image: Image) => findLayers(files, images, image);
  return {
    layers: async (image) => (await layersOf(image)).map(({ directory }) => directory),
    async recipe(_uid, image, request) {
      const layers = await layersOf(image);
      const { backend, because } = await chooseBackend(backends, {
        ...{ image: nameOf(image), layers, request, agentsChoice },
      });
      return { ...backend.recipe(layers, request), because };
    },
    async provide(recipe, signal) {
      signal.throwIfAborted();
      return (await backends[recipe.kind].provide?.(recipe, signal)) ?? recipe;
    },
    foresee: async (recipe) => (await backends[recipe.kind].foresee?.(recipe)) ?? recipe,
    async verifyLayer(chainId, { repair, signal }) {
      const layer = { chainId, directory: images.layerDirectory(chainId) };
      for (const backend of all) {
        const finding = await backend.checkLayer?.(layer, signal);
        if (finding === undefined) continue;
        if (finding.fault !== undefined && repair) await backend.discardLayer?.(layer);
        return finding;
      }
      return undefined;
    },
    removeOrphans: async () => {
      for (const backend of all) await backend.removeOrphans?.();
    },
    recover: async () => {
      for (const backend of all) await backend.recover?.();
    },
  };
}

function nameOf(image: Image): string {
  return image.references[0] ?? image.id;
}

/** Top first. */
async function findLayers(
  files: Pick<Files, 'exists'>,
  images: Pick<Images, 'layerDirectory'>,
  image: Image,
): Promise<readonly StoredLayer[]> {
  if (image.chainIds.length === 0) throw provisionerErrors.noLayers({ image: nameOf(image) });
  const layers = image.chainIds.map((chainId) => ({ chainId, directory: images.layerDirectory(chainId) })).reverse();
  const present = await Promise.all(layers.map(({ directory }) => files.exists(directory)));
  const missing = layers[present.lastIndexOf(false)];
  if (missing !== undefined) {
    const { chainId: layer, directory } = missing;
    throw provisionerErrors.layerMissing({ image: nameOf(image), layer, directory });
  }
  return layers;
}
