import { defineErrors } from '../../model/error.ts';
import type { BindMount } from '../../model/launch-plan.ts';
import { type NamedVolume, sourceOfVolume, type VolumeSource } from '../../model/volume.ts';
import type { Isolator, PlanInput } from '../isolator.ts';
import { hasVolume, volumesOf } from './place.ts';
import { shownAttributes, shownTreatment } from './shown.ts';

export const namedErrors = defineErrors('volume/named', {
  unresolved: {
    kind: 'internal',
    message: (d: { volume: string; containerPath: string }) =>
      `nobody has said where volume ${d.volume} at ${d.containerPath} is`,
  },
});

/** Isolator `volume/named`: volumes with lives of their own, which the engine has found or made. */
export function namedVolumes(): Isolator {
  return {
    name: 'volume/named',
    requires: ['filesystem/linux'],
    appliesTo: (config) => hasVolume(config, 'named'),
    plan: ({ config, volumeSources }) => ({
      mounts: volumesOf(config, 'named').map((volume) => bind(volume, sourceAt(volumeSources, volume))),
    }),
  };
}

function sourceAt(sources: PlanInput['volumeSources'], volume: NamedVolume): VolumeSource & { kind: 'directory' } {
  const source = sources?.[volume.containerPath];
  if (source?.kind === 'directory') return source;
  throw namedErrors.unresolved({ volume: sourceOfVolume(volume), containerPath: volume.containerPath });
}

function bind(volume: NamedVolume, { path, fill }: VolumeSource & { kind: 'directory' }): BindMount {
  return {
    kind: 'bind',
    source: path,
    target: volume.containerPath,
    attributes: shownAttributes(volume, false),
    recursive: true,
    create: 'directory',
    ...(fill === undefined || volume.noCopy === true ? {} : { fill }),
    ...(volume.subpath === undefined ? {} : { subpath: volume.subpath }),
    ...shownTreatment(volume),
  };
}
