import { defineErrors } from '../../model/error.ts';
import type { ImageMount } from '../../model/launch-plan.ts';
import type { ImageVolume, VolumeSource } from '../../model/volume.ts';
import type { Isolator } from '../isolator.ts';
import { hasVolume, volumesOf } from './place.ts';

export const imageVolumeErrors = defineErrors('volume/image', {
  unresolved: {
    kind: 'internal',
    message: (d: { reference: string; containerPath: string }) =>
      `nobody has found image ${d.reference} for the volume at ${d.containerPath}`,
  },
  userNamespace: {
    kind: 'failed-precondition',
    message: (d: { reference: string; containerPath: string }) =>
      `image ${d.reference} was to be a volume at ${d.containerPath}, and this kernel or file system cannot show its layers under the owners of a user namespace`,
    remedy: () => 'leave out --userns, or give its files as a named volume',
  },
});

/** Isolator `volume/image`: the files of images, read-only. */
export function imageVolumes(): Isolator {
  return {
    name: 'volume/image',
    requires: ['filesystem/linux'],
    appliesTo: (config) => hasVolume(config, 'image'),
    plan: ({ config, volumeSources, userNamespace }) => {
      const volumes = volumesOf(config, 'image');
      const [first] = volumes;
      if (first !== undefined && userNamespace?.files === 'shifted') throw imageVolumeErrors.userNamespace(first);
      return { mounts: volumes.map((volume) => mount(volume, volumeSources?.[volume.containerPath])) };
    },
  };
}

function mount({ reference, containerPath, subpath }: ImageVolume, source: VolumeSource | undefined): ImageMount {
  if (source?.kind !== 'layers') throw imageVolumeErrors.unresolved({ reference, containerPath });
  return {
    kind: 'image',
    reference,
    lowerDirs: source.lowerDirs,
    target: containerPath,
    attributes: ['ro', 'nodev'],
    ...(subpath === undefined ? {} : { subpath }),
  };
}
