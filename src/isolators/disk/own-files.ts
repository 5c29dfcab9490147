import { dirname } from 'node:path';
import type { PlanInput } from '../isolator.ts';

/** Where all is that is the container's own: its layer, sandbox directory and logs, and the volumes made for it. */
export function ownDirectories(input: Pick<PlanInput, 'config' | 'sandboxDir' | 'volumeSources'>): readonly string[] {
  return [dirname(input.sandboxDir), ...ownVolumes(input)];
}

/** The same without what is in the file system of its layer. */
export function directoriesBesideLayer(input: PlanInput): readonly string[] {
  const { sandboxDir, runtimeDir } = input;
  return [sandboxDir, `${dirname(sandboxDir)}/logs`, runtimeDir, ...ownVolumes(input)];
}

/** Volumes with a name are not counted: they outlive the container. */
function ownVolumes({ config, volumeSources = {} }: Pick<PlanInput, 'config' | 'volumeSources'>): readonly string[] {
  return config.volumes.flatMap((volume) => {
    const source = volumeSources[volume.containerPath];
    return volume.kind === 'named' && volume.anonymous === true && source?.kind === 'directory' ? [source.path] : [];
  });
}
