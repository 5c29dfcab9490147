import type { Images } from '../image/images.ts';
import type { ContainerConfig, PullPolicy } from '../model/container-config.ts';
import type { Image } from '../model/image-config.ts';
import type { RegistryCredential } from '../model/registry-credential.ts';
import { engineErrors } from './errors.ts';

/**
 * The image of a container by its pull policy; `undefined` when the root file system is none of an image.
 *
 * @throws {EngineError} `engine.imageMissing` (not-found) when nothing may be pulled; whatever a pull throws
 */
export async function resolveImage(
  images: Images,
  {
    config,
    pull,
    credential,
  }: {
    readonly config: Pick<ContainerConfig, 'rootfs'>;
    readonly pull: PullPolicy;
    readonly credential?: RegistryCredential | undefined;
  },
  signal: AbortSignal,
): Promise<Image | undefined> {
  if (config.rootfs.kind !== 'image') return undefined;
  const { reference } = config.rootfs;
  if (pull !== 'always') {
    const found = await findImage(images, reference);
    if (found !== undefined) return used(images, found);
    if (pull === 'never') throw engineErrors.imageMissing({ reference, why: 'the pull policy is never' });
  }
  return used(
    images,
    (await images.embedded(reference)) ?? (await images.pull(reference, { signal, ...(credential && { credential }) })),
  );
}

function used(images: Images, image: Image): Image {
  images.upkeep.noteUse(image.id);
  return image;
}

/** An image that is here already, or part of Isopod itself. */
export async function findImage(images: Images, reference: string): Promise<Image | undefined> {
  return (await images.find(reference)) ?? (await images.embedded(reference));
}
