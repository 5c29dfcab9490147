import type { NewMount } from '../../model/launch-plan.ts';
import type { SecretVolume } from '../../model/volume.ts';
import type { Isolator } from '../isolator.ts';
import { hasVolume, volumesOf } from './place.ts';

const DEFAULT_MODE = 0o400;
/** Its name in the file system that it is alone in. */
const NAME = 'secret';

/**
 * Isolator `volume/secret`: each secret a file in a file system of its own. That is ramfs, which is never swapped out,
 * and each file is shown alone, so that none makes a directory of the image disappear.
 */
export function secretVolumes(): Isolator {
  return {
    name: 'volume/secret',
    requires: ['filesystem/linux'],
    appliesTo: (config) => hasVolume(config, 'secret'),
    plan: ({ config }) => ({ mounts: volumesOf(config, 'secret').map(file) }),
  };
}

function file({ secret, containerPath, uid = 0, gid = 0, mode = DEFAULT_MODE }: SecretVolume): NewMount {
  return {
    kind: 'new',
    type: 'ramfs',
    source: 'ramfs',
    target: containerPath,
    options: ['mode=0700'],
    attributes: ['ro', 'nosuid', 'nodev', 'noexec'],
    content: [{ kind: 'secret', path: NAME, secret, mode, uid, gid }],
    subpath: NAME,
  };
}
