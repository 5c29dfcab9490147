import type { Files } from '../../base/effects.ts';
import type { BindMount } from '../../model/launch-plan.ts';
import type { SandboxVolume } from '../../model/volume.ts';
import type { Isolator, PreparedFacts } from '../isolator.ts';
import { hasVolume, volumesOf } from './place.ts';
import { shownAttributes } from './shown.ts';

/** Isolator `volume/sandbox_path`: directories of the container's sandbox directory, given to its user. */
export function sandboxPathVolumes({ files }: { readonly files: Files }): Isolator {
  return {
    name: 'volume/sandbox_path',
    requires: ['filesystem/linux'],
    appliesTo: (config) => hasVolume(config, 'sandbox'),
    // The sandbox directory is new, so nobody has put a link in the way; it goes with the tree of the container.
    async prepare({ config, sandboxDir }): Promise<PreparedFacts> {
      for (const { path } of volumesOf(config, 'sandbox')) {
        await files.makeDirectory(`${sandboxDir}/${path}`, { parents: true });
      }
      return {};
    },
    plan: ({ config, sandboxDir }) => ({
      mounts: volumesOf(config, 'sandbox').map((volume) => bind(volume, sandboxDir)),
    }),
  };
}

function bind(volume: SandboxVolume, sandboxDir: string): BindMount {
  return {
    kind: 'bind',
    source: `${sandboxDir}/${volume.path}`,
    target: volume.containerPath,
    attributes: shownAttributes(volume, false),
    recursive: false,
    create: 'directory',
    chown: true,
  };
}
