import type { Files } from '../../base/effects.ts';
import type { BindMount } from '../../model/launch-plan.ts';
import type { SandboxVolume } from '../../model/volume.ts';
import type { Isolator, PlanInput, PreparedFacts } from '../isolator.ts';
import { hasVolume, volumesOf } from './place.ts';
import { shownAttributes } from './shown.ts';

/** As /tmp: the containers that share it may run as different users. */
const SHARED_MODE = 0o1777;

/**
 * Isolator `volume/sandbox_path`: directories of the container's sandbox directory, given to its user; or of its
 * parent's, as they are.
 */
export function sandboxPathVolumes({ files }: { readonly files: Files }): Isolator {
  return {
    name: 'volume/sandbox_path',
    requires: ['filesystem/linux'],
    appliesTo: (config) => hasVolume(config, 'sandbox'),
    // The sandbox directory is new, so nobody has put a link in the way; it goes with the tree of the container.
    async prepare({ config, sandboxDir, parent }): Promise<PreparedFacts> {
      for (const { of, path } of volumesOf(config, 'sandbox')) {
        if (of === 'self') await files.makeDirectory(`${sandboxDir}/${path}`, { parents: true });
        else await makeShared(files, `${parent?.sandboxDir}/${topOf(path)}`);
      }
      return {};
    },
    plan: (input) => ({ mounts: volumesOf(input.config, 'sandbox').map((volume) => bind(volume, input)) }),
  };
}

/** What is right below a sandbox directory only the engine has made. */
async function makeShared(files: Files, path: string): Promise<void> {
  await files.makeDirectory(path, { mode: SHARED_MODE, parents: true });
}

function topOf(path: string): string {
  return path.split('/')[0] ?? '';
}

/** Further down the parent's processes may have put links, so the helper finds the way there, and stays inside. */
function bind(volume: SandboxVolume, { sandboxDir, parent }: PlanInput): BindMount {
  const isOwn = volume.of === 'self';
  const top = topOf(volume.path);
  const rest = volume.path.slice(top.length + 1);
  return {
    kind: 'bind',
    source: isOwn ? `${sandboxDir}/${volume.path}` : `${parent?.sandboxDir}/${top}`,
    target: volume.containerPath,
    attributes: shownAttributes(volume, false),
    recursive: false,
    create: 'directory',
    ...(isOwn ? { chown: true } : rest === '' ? {} : { subpath: rest }),
  };
}
