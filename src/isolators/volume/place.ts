import { defineErrors } from '../../model/error.ts';
import { sourceOfVolume, type Volume, type VolumeKind } from '../../model/volume.ts';

export const placeErrors = defineErrors('volume', {
  reserved: {
    kind: 'invalid-argument',
    message: (d: { source: string; containerPath: string; reserved: string }) =>
      `volume ${d.source} at ${d.containerPath} would lie over ${d.reserved}, which the engine itself must trust`,
    remedy: () => 'mount it elsewhere in the container',
  },
});

/**
 * Where a volume could fake what the engine or the kernel reads through (CVE-2019-16884, CVE-2025-52881): all of
 * /proc, and the very mount points of /sys, /dev and the terminals.
 */
const RESERVED: readonly { readonly path: string; readonly below: boolean }[] = [
  { path: '/proc', below: true },
  { path: '/sys', below: false },
  { path: '/dev', below: false },
  { path: '/dev/pts', below: true },
];

/**
 * The volumes of one kind, each at a place where it may be.
 *
 * @throws {EngineError} `volume.reserved` (invalid-argument)
 */
export function volumesOf<Kind extends VolumeKind>(
  { volumes }: { readonly volumes: readonly Volume[] },
  kind: Kind,
): readonly Extract<Volume, { kind: Kind }>[] {
  const found = volumes.filter((volume): volume is Extract<Volume, { kind: Kind }> => volume.kind === kind);
  for (const volume of found) checkPlace(volume);
  return found;
}

/** Whether there is any volume of this kind. */
export function hasVolume({ volumes }: { readonly volumes: readonly Volume[] }, kind: VolumeKind): boolean {
  return volumes.some((volume) => volume.kind === kind);
}

function checkPlace(volume: Volume): void {
  const { containerPath } = volume;
  const reserved = RESERVED.find(
    ({ path, below }) => containerPath === path || (below && containerPath.startsWith(`${path}/`)),
  );
  if (reserved === undefined) return;
  throw placeErrors.reserved({ source: sourceOfVolume(volume), containerPath, reserved: reserved.path });
}
