import { createHash } from 'node:crypto';
import type { FileStatus } from '../base/effects.ts';
import {
  ACCOUNTING_CONTROLLERS,
  type CgroupHierarchy,
  IMPLICIT_CONTROLLER,
  NESTED_GROUPS,
  servesController,
} from '../linux/cgroup-hierarchy.ts';
import type { CgroupPlacement } from '../model/launch-plan.ts';
import { launcherErrors } from './errors.ts';

/**
 * The owner mark of a root directory in every cgroup tree. Two engines never share one, so that neither takes the
 * other's containers for orphans.
 *
 * @param root the directory with its real path: two chroots have two directories `/var/lib/isopod`, and the inode of a
 *   removed directory is soon given to another
 */
export function instanceName(root: Pick<FileStatus, 'device' | 'inode'> & { readonly path: string }): string {
  const mark = `${root.device}:${root.inode}:${root.path}`;
  return `isopod-${createHash('sha256').update(mark).digest('hex').slice(0, 12)}`;
}

/** Groups of one instance, the same in every hierarchy: `isopod-<instance>/{engine,containers/<uid>}`. */
export function instanceGroups(hierarchy: CgroupHierarchy, instance: string) {
  const base = `${hierarchy.mountPoint}/${instance}`;
  return { base, engine: `${base}/engine`, containers: `${base}/containers` } as const;
}

/** In v2 processes live one level below the limits, so that the container's own root never holds controllers' knobs. */
export const V2_PROCESS_GROUP = 'self';

/** The hierarchy that containers are tracked in: v2 wherever mounted, else the v1 freezer. */
export function trackingHierarchy(hierarchies: readonly CgroupHierarchy[]): CgroupHierarchy {
  const tracking =
    hierarchies.find(({ version }) => version === 2) ??
    hierarchies.find(({ controllers }) => controllers.includes('freezer'));
  if (tracking === undefined) throw launcherErrors.noTracking();
  return tracking;
}

/** Uids from the outermost container to the one that is meant. */
export type Lineage = readonly [string, ...string[]];

/** Host path of a container's group: that of its parent, `nested`, and its uid. */
export function ownGroup(hierarchy: CgroupHierarchy, instance: string, lineage: Lineage): string {
  return `${instanceGroups(hierarchy, instance).containers}/${lineage.join(`/${NESTED_GROUPS}/`)}`;
}

/** Where the groups of the containers in the container of this group are. */
export function nestedGroups(own: string): string {
  return `${own}/${NESTED_GROUPS}`;
}

export interface PlacementRequest {
  readonly lineage: Lineage;
  /** v2 names of the controllers that its isolators limit or account. */
  readonly controllers: readonly string[];
  /** Of a nested container: the groups that its parent is in. */
  readonly around?: readonly { readonly path: string }[];
}

/**
 * Decides every group of a container.
 *
 * @throws {EngineError} `launcher.noTracking`, `launcher.controllerMissing` (failed-precondition)
 */
export function placeContainer(
  hierarchies: readonly CgroupHierarchy[],
  instance: string,
  { lineage, controllers, around = [] }: PlacementRequest,
): CgroupPlacement {
  const tracking = trackingHierarchy(hierarchies);
  const groups: CgroupPlacement['groups'][number][] = [];
  const joins: { path: string; version: 1 | 2 }[] = [];
  for (const hierarchy of hierarchies) {
    const { base, containers } = instanceGroups(hierarchy, instance);
    const own = ownGroup(hierarchy, instance, lineage);
    // v1: the group that holds its parent holds it, too, where it has none of its own.
    const outer = around.find(({ path }) => path.startsWith(`${hierarchy.mountPoint}/`))?.path ?? containers;
    const chosen = controllers.filter((controller) => servesController(hierarchy, controller));
    if (chosen.length > 0) {
      groups.push({
        ...{ hierarchy: hierarchyName(hierarchy), version: hierarchy.version, path: own, controllers: chosen },
        ...enabling(hierarchy, chosen, [hierarchy.mountPoint, base, containers, ...groupsBetween(containers, own)]),
        ...(hierarchy.version === 1 ? madeBefore(groupsBetween(outer, own)) : {}),
      });
    }
    if (hierarchy === tracking && hierarchy.version === 2) continue;
    joins.push({ path: chosen.length > 0 || hierarchy === tracking ? own : outer, version: hierarchy.version });
  }
  for (const controller of controllers) {
    if (!hierarchies.some((hierarchy) => servesController(hierarchy, controller))) {
      throw launcherErrors.controllerMissing({ controller });
    }
  }
  return { tracking: trackingGroup(tracking, instance, lineage), groups, joins };
}

/** Groups below the one and above the other, topmost first. */
function groupsBetween(outer: string, own: string): readonly string[] {
  const names = own.slice(outer.length + 1).split('/');
  return names.slice(0, -1).map((_, index) => `${outer}/${names.slice(0, index + 1).join('/')}`);
}

function madeBefore(above: readonly string[]): { readonly above?: readonly string[] } {
  return above.length === 0 ? {} : { above };
}

/** v2: what was not enabled when the engine started (instance-groups.ts). */
function enabling(
  { version }: CgroupHierarchy,
  chosen: readonly string[],
  parents: readonly string[],
): Pick<CgroupPlacement['groups'][number], 'enabling'> {
  // Those that account are enabled for every container that is not nested.
  const isEnabled = (name: string): boolean => parents.length === 3 && ACCOUNTING_CONTROLLERS.includes(name);
  const controllers = chosen.filter((name) => name !== IMPLICIT_CONTROLLER && !isEnabled(name));
  return version === 2 && controllers.length > 0 ? { enabling: { controllers, parents } } : {};
}

function trackingGroup(tracking: CgroupHierarchy, instance: string, lineage: Lineage): CgroupPlacement['tracking'] {
  const own = ownGroup(tracking, instance, lineage);
  return { path: tracking.version === 2 ? `${own}/${V2_PROCESS_GROUP}` : own, version: tracking.version };
}

function hierarchyName(hierarchy: CgroupHierarchy): string {
  return hierarchy.version === 2 ? 'v2' : hierarchy.controllers.join(',');
}
