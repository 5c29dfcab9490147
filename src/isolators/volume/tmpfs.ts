import type { NewMount } from '../../model/launch-plan.ts';
import type { TmpfsVolume } from '../../model/volume.ts';
import type { Isolator } from '../isolator.ts';
import { hasVolume, volumesOf } from './place.ts';

const DEFAULT_MODE = 0o1777;

/** Isolator `volume/tmpfs`: file systems in memory; programs, setuid bits and devices in them mean nothing unless asked. */
export function tmpfsVolumes(): Isolator {
  return {
    name: 'volume/tmpfs',
    requires: ['filesystem/linux'],
    appliesTo: (config) => hasVolume(config, 'tmpfs'),
    plan: ({ config }) => ({ mounts: volumesOf(config, 'tmpfs').map(tmpfs) }),
  };
}

function tmpfs(volume: TmpfsVolume): NewMount {
  const { sizeBytes, mode = DEFAULT_MODE, uid, gid } = volume;
  return {
    kind: 'new',
    type: 'tmpfs',
    source: 'tmpfs',
    target: volume.containerPath,
    options: [
      `mode=${mode.toString(8).padStart(4, '0')}`,
      ...(sizeBytes === undefined ? [] : [`size=${sizeBytes}`]),
      ...(uid === undefined ? [] : [`uid=${uid}`]),
      ...(gid === undefined ? [] : [`gid=${gid}`]),
    ],
    attributes: [
      ...(volume.readOnly ? (['ro'] as const) : []),
      ...(volume.suid === true ? [] : (['nosuid'] as const)),
      ...(volume.dev === true ? [] : (['nodev'] as const)),
      ...(volume.exec === true ? [] : (['noexec'] as const)),
    ],
  };
}
