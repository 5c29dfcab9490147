import type { Images, PullProgress } from '../image/images.ts';
import type { ContainerConfig } from '../model/container-config.ts';
import { isDigest } from '../model/digest.ts';
import { fetchSource } from '../model/fetch.ts';
import type { Image } from '../model/image-config.ts';
import { parseImageReference } from '../model/image-reference.ts';
import type { RegistryCredential } from '../model/registry-credential.ts';
import type { Container } from './container.ts';
import type { Until } from './diagnostics/operation-tracker.ts';
import { engineErrors } from './errors.ts';
import { type ImagePull, silenceMsAfter } from './pull-deadline.ts';

/**
 * The image of a container by its pull policy; `undefined` when the root file system is none of an image.
 *
 * @param until told when a pull will be given up, unless something is heard of it
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
    readonly pull: ImagePull;
    readonly credential?: RegistryCredential | undefined;
  },
  signal: AbortSignal,
  until: Until = () => {},
): Promise<Image | undefined> {
  if (config.rootfs.kind !== 'image') return undefined;
  const { reference } = config.rootfs;
  if (pull !== 'always') {
    const found = await findImage(images, reference);
    if (found !== undefined) return used(images, found);
    if (pull === 'never') throw engineErrors.imageMissing({ reference, why: 'the pull policy is never' });
    if (pull === 'caller')
      throw engineErrors.imageMissing({ reference, why: 'whoever launches the container pulls it' });
  }
  const embedded = await images.embedded(reference);
  if (embedded !== undefined) return used(images, embedded);
  until(images.stallMs);
  const onProgress = (progress: PullProgress): void => until(silenceMsAfter(progress, images.stallMs));
  return used(images, await images.pull(reference, { signal, onProgress, ...(credential && { credential }) }));
}

/**
 * The credential of a launch, as far as it is meant for one of the images that the launch names. It is for one registry, that of
 * the first image that a registry keeps (of the root file system, then of the volumes, then of what is fetched), and no other
 * sees it. Pure.
 */
export function credentialFor(
  { config, credential }: Pick<Container, 'config' | 'credential'>,
  reference: string,
): RegistryCredential | undefined {
  if (credential === undefined) return undefined;
  const registries = imagesNamed(config).map(registryOf);
  const meant = registries.find((registry) => registry !== undefined);
  return meant !== undefined && registryOf(reference) === meant ? credential : undefined;
}

function imagesNamed({ rootfs, volumes, fetch = [] }: ContainerConfig): readonly string[] {
  return [
    ...(rootfs.kind === 'image' ? [rootfs.reference] : []),
    ...volumes.flatMap((volume) => (volume.kind === 'image' ? [volume.reference] : [])),
    ...fetch
      .map(({ uri }) => fetchSource(uri))
      .flatMap((source) => (source.kind === 'image' ? [source.reference] : [])),
  ];
}

/** @returns undefined for an id, and for what lies in no registry */
function registryOf(reference: string): string | undefined {
  if (isDigest(reference)) return undefined;
  const parsed = parseImageReference(reference);
  return parsed.kind === 'registry' ? parsed.registry : undefined;
}

function used(images: Images, image: Image): Image {
  images.upkeep.noteUse(image.id);
  return image;
}

/** An image that is here already, or part of Isopod itself. */
export async function findImage(images: Images, reference: string): Promise<Image | undefined> {
  return (await images.find(reference)) ?? (await images.embedded(reference));
}
