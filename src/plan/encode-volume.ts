import { mountAttributeBits } from '../linux/mount-attributes.ts';
import type { LaunchPlan, Mount, MountAttribute } from '../model/launch-plan.ts';
import type { IdRange } from '../model/volume.ts';
import { type Step, step } from '../model/wire.ts';

/** Values of the step attach-volume. */
const PROPAGATION = { private: 0, slave: 1, shared: 2 } as const;
const FILL = { 'when-empty': 1, completing: 2 } as const;

/** Whether a mount asks for more than attach-mount can do. */
export function isTreated(mount: Mount): boolean {
  if (mount.subpath !== undefined) return true;
  return mount.chown !== undefined || mount.fill !== undefined || propagationOf(mount) !== 'private';
}

/** What is done to a detached tree before anybody sees it: narrowed, then mapped. Attributes follow. */
export function treatmentSteps(by: string, mount: Mount, slot: number, mountPoint: string): readonly Step[] {
  const { subpath, idMap } = mount;
  return [
    ...(subpath === undefined ? [] : [step(by, 'narrow-mount', { slot, path: subpath, mountPoint })]),
    ...(idMap === undefined
      ? []
      : [step(by, 'idmap-mount', { slot, uidMap: mapText(idMap.uids), gidMap: mapText(idMap.gids) })]),
  ];
}

/** Attaches a tree with what was asked of it; one whose files change their owner stays in its slot until then. */
export function attachVolume(
  by: string,
  mount: Mount,
  attachment: { readonly slot: number; readonly create: 0 | 1 | 2 | 3; readonly noSymlinks: 0 | 1 },
): Step {
  return step(by, 'attach-volume', {
    ...attachment,
    target: mount.target,
    propagation: PROPAGATION[propagationOf(mount)],
    fill: mount.fill === undefined ? 0 : FILL[mount.fill],
    keep: mount.chown === true ? 1 : 0,
  });
}

/**
 * Owners are changed once it is known who the user is, and only then is read-only what was to be: the steps between
 * resolve-user and the loss of privileges.
 */
export function owningSteps(plan: LaunchPlan, slots: ReadonlyMap<string, number>): readonly Step[] {
  return plan.mounts.flatMap(({ mount, by }) => {
    const slot = slots.get(mount.target);
    if (mount.chown !== true || slot === undefined) return [];
    const recursive = mount.kind === 'bind' && mount.recursive ? 1 : 0;
    const readOnly = mount.attributes.includes('ro')
      ? [step(by, 'set-mount-attributes', { slot, attributes: mountAttributeBits(['ro']), recursive })]
      : [];
    return [step(by, 'own-mount', { slot }), ...readOnly];
  });
}

/** Those attributes that a mount has from the start. */
export function earlyAttributes(mount: Mount): readonly MountAttribute[] {
  return mount.chown === true ? mount.attributes.filter((name) => name !== 'ro') : mount.attributes;
}

function propagationOf(mount: Mount): keyof typeof PROPAGATION {
  return (mount.kind === 'bind' ? mount.propagation : undefined) ?? 'private';
}

function mapText(ranges: readonly IdRange[]): string {
  return ranges.map(({ onDisk, seen, count }) => `${onDisk} ${seen} ${count}\n`).join('');
}
