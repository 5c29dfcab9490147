import type { BindMount, MountAttribute } from '../../model/launch-plan.ts';
import type { HostPathVolume, NamedVolume, SandboxVolume } from '../../model/volume.ts';

type Shown = HostPathVolume | NamedVolume | SandboxVolume;

/**
 * Attributes of a mount of existing files. As with other engines a volume grants no device: `/:/host:ro` would else
 * hand out a writable disk. Only a device that is the volume itself is meant to be one.
 */
export function shownAttributes(volume: Shown, isDevice: boolean): readonly MountAttribute[] {
  return [
    ...(volume.readOnly ? (['ro'] as const) : []),
    ...(isDevice ? [] : (['nodev'] as const)),
    ...('nosuid' in volume && volume.nosuid === true ? (['nosuid'] as const) : []),
    ...('noexec' in volume && volume.noexec === true ? (['noexec'] as const) : []),
  ];
}

/** What is done to the files themselves. */
export function shownTreatment(volume: Shown): Pick<BindMount, 'chown' | 'idMap'> {
  return {
    ...('chown' in volume && volume.chown === true ? { chown: true } : {}),
    ...('idMap' in volume && volume.idMap !== undefined ? { idMap: volume.idMap } : {}),
  };
}
