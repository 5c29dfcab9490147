import type { UndoStack } from '../base/undo-stack.ts';
import type { PlanInput } from '../isolators/isolator.ts';
import type { Digest } from '../model/digest.ts';
import { defineErrors } from '../model/error.ts';
import type { Image } from '../model/image-config.ts';
import type { RegistryCredential } from '../model/registry-credential.ts';
import { parseAbsolutePath } from '../model/text-check.ts';
import type { Volume, VolumeSource } from '../model/volume.ts';
import { newVolumeName } from '../volume/volume-store.ts';
import { isSettled, type UsersOf } from '../volume/volumes.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import type { EngineHost } from './host.ts';
import { credentialFor, findImage, resolveImage } from './launch-image.ts';
import { containerPaths } from './paths.ts';
import type { PlanSubject } from './planning.ts';
import type { ImagePull } from './pull-deadline.ts';

export const engineVolumeErrors = defineErrors('engine', {
  badImageVolume: {
    kind: 'invalid-argument',
    message: (d: { image: string; path: string }) =>
      `image ${d.image} declares a volume at ${JSON.stringify(d.path)}, which is no absolute path below its root`,
    remedy: () => 'use an image whose VOLUME is one, or leave volume/named out of the isolators',
  },
});

const NAMED = 'volume/named';

/**
 * All volumes of a container: those of its config, those of other containers, and those that its image declares; each
 * place once, in this order. Volumes without a name get one here.
 *
 * @throws {EngineError} `engine.unknownContainer`, `engine.badImageVolume`
 */
export function volumesOfContainer(
  host: EngineHost,
  { config }: Pick<PlanSubject, 'config'>,
  image: Image | undefined,
): readonly Volume[] {
  const named = config.volumes.map((volume) => settle(host, volume));
  const all = new Map<string, Volume>(named.map((volume) => [volume.containerPath, volume]));
  const add = (volume: Volume): void => {
    if (!all.has(volume.containerPath)) all.set(volume.containerPath, volume);
  };
  for (const { container, readOnly } of config.volumesFrom ?? []) {
    for (const volume of host.registry.get(container).volumes) lend(volume, readOnly).forEach(add);
  }
  if (image !== undefined && servesNamed(host, config.isolation)) {
    for (const path of image.config.volumes ?? []) {
      const containerPath = placeOf(image, path);
      add(settle(host, { kind: 'named', containerPath, readOnly: false }));
    }
  }
  return [...all.values()];
}

/** An image's wish is none of the caller's, so it does not fail a container that leaves the isolator for it out. */
function servesNamed(host: EngineHost, isolation: readonly string[] | undefined): boolean {
  return host.permittedIsolators.includes(NAMED) && (isolation?.includes(NAMED) ?? true);
}

function settle(host: EngineHost, volume: Volume): Volume {
  if (volume.kind !== 'named' || volume.name !== undefined) return volume;
  return { ...volume, name: newVolumeName(host.effects), anonymous: true };
}

/** What others may have of a container: its host paths and named volumes, whose owner it stays. */
function lend(volume: Volume, readOnly: boolean): readonly Volume[] {
  if (volume.kind !== 'host-path' && volume.kind !== 'named') return [];
  const shown = { ...volume, readOnly: volume.readOnly || readOnly };
  if (shown.kind !== 'named') return [shown];
  const { anonymous: _, ...lent } = shown;
  return [lent];
}

/** Nothing that an image says leads anywhere but below its own root (CVE-2022-23648). */
function placeOf(image: Image, path: string): string {
  const refuse = (): never => {
    throw engineVolumeErrors.badImageVolume({ image: image.references[0] ?? image.id, path });
  };
  if (!path.startsWith('/') || path.split('/').includes('..')) refuse();
  const place = parseAbsolutePath('volume of the image', path);
  return place === '/' ? refuse() : place;
}

/** What the volumes of a container stand on, besides what the plan itself names. */
export interface FoundVolumes {
  readonly sources: Readonly<Record<string, VolumeSource>>;
  readonly imageIds: readonly Digest[];
}

/** Finds the images of image volumes, by the pull policy of the container. */
export async function findImageVolumes(
  host: EngineHost,
  resolving: {
    readonly volumes: readonly Volume[];
    /** Absent: what is not here is not pulled. */
    readonly pulling?: {
      readonly pull: ImagePull;
      readonly credentialFor: (reference: string) => RegistryCredential | undefined;
      readonly signal: AbortSignal;
    };
  },
): Promise<FoundVolumes> {
  const sources: Record<string, VolumeSource> = {};
  const imageIds: Digest[] = [];
  for (const volume of resolving.volumes) {
    if (volume.kind !== 'image') continue;
    const { reference, containerPath } = volume;
    const { pulling } = resolving;
    const config = { rootfs: { kind: 'image', reference } } as const;
    const image =
      pulling === undefined
        ? await findImage(host.images, reference)
        : await resolveImage(
            host.images,
            { config, pull: pulling.pull, credential: pulling.credentialFor(reference) },
            pulling.signal,
          );
    if (image === undefined) throw engineErrors.imageMissing({ reference, why: 'nothing is pulled for this' });
    sources[containerPath] = { kind: 'layers', lowerDirs: await host.provisioner.layers(image) };
    imageIds.push(image.id);
  }
  return { sources, imageIds };
}

/** Uids of the containers, other than `but`, that have a volume. */
export function usersOf(host: Pick<EngineHost, 'registry'>, but?: string): UsersOf {
  return (name) =>
    host.registry
      .all()
      .filter(({ uid, volumes }) => uid !== but && volumes.some((volume) => isSettled(volume) && volume.name === name))
      .map(({ uid }) => uid);
}

/** Names of the volumes with lives of their own that a container has. */
export function volumeNames({ volumes }: Pick<Container, 'volumes'>): readonly string[] {
  return volumes.filter(isSettled).map(({ name }) => name);
}

/** Every image that a container stands on. */
export function imagesInUse(host: Pick<EngineHost, 'registry'>): ReadonlySet<Digest> {
  const ids = host.registry.all().flatMap(({ imageId, volumeImageIds }) => [imageId, ...volumeImageIds]);
  return new Set(ids.filter((id) => id !== undefined));
}

/** The container with all of its volumes, as isolators see it. */
export function planSubject({ uid, config, paths, volumes, backend }: Container): PlanSubject {
  return { uid, paths, backend, config: { ...config, volumes } };
}

/**
 * Finds or makes the volumes of a container that is launched. Named ones are the container's before they are looked up,
 * so that nobody removes them in between.
 */
export async function prepareVolumes(
  host: EngineHost,
  container: Container,
  { image, undo }: { readonly image: Image | undefined; readonly undo: UndoStack },
): Promise<PlanInput['volumeSources']> {
  const volumes = volumesOfContainer(host, container, image);
  container.volumes = volumes;
  if (volumes.length === 0) return {};
  const shown = (reference: string) => credentialFor(container, reference);
  const pulling = { pull: container.pull, credentialFor: shown, signal: container.cancelled };
  const found = await findImageVolumes(host, { volumes, pulling });
  container.volumeImageIds = found.imageIds;
  undo.push('volumes', () => host.volumes.removeOwned(container.uid, usersOf(host, container.uid)));
  return { ...found.sources, ...(await host.volumes.acquire(volumes, container.uid)) };
}

/** As `prepareVolumes`, for the next life of a container: its volumes are what they were, images of volumes too. */
export async function findVolumesAgain(host: EngineHost, container: Container): Promise<PlanInput['volumeSources']> {
  const { volumes, volumeImageIds } = container;
  if (volumes.length === 0) return {};
  const ids = [...volumeImageIds];
  const pinned = volumes.map((volume) => {
    const id = volume.kind === 'image' ? ids.shift() : undefined;
    return id === undefined ? volume : { ...volume, reference: id };
  });
  const found = await findImageVolumes(host, { volumes: pinned as readonly Volume[] });
  return { ...found.sources, ...(await host.volumes.acquire(volumes, container.uid)) };
}

/** A container whose record is damaged keeps its directory, and its volumes with it. */
export async function sweepVolumes(host: EngineHost): Promise<void> {
  const { files } = host.effects;
  await host.volumes.sweep((uid) => files.exists(containerPaths(host.paths, uid).rootDir));
}
