import { createHash } from 'node:crypto';
import type { FileStatus } from '../base/effects.ts';
import {
  ACCOUNTING_CONTROLLERS,
  type CgroupHierarchy,
  IMPLICIT_CONTROLLER,
  servesController,
} from '../linux/cgroup-hierarchy.ts';
import type { CgroupPlacement } from '../model/launch-plan.ts';
import { launcherErrors } from './errors.ts';
import { type GroupTree, groupsAbove, type Lineage, ownGroup } from './group-tree.ts';

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
  tree: GroupTree,
  { lineage, controllers, around = [] }: PlacementRequest,
): CgroupPlacement {
  const tracking = trackingHierarchy(hierarchies);
  const groups: CgroupPlacement['groups'][number][] = [];
  const joins: { path: string; version: 1 | 2 }[] = [];
  for (const hierarchy of hierarchies) {
    const own = ownGroup(tree, hierarchy, lineage);
    // v1: the group that holds its parent holds it, too, where it has none of its own.
    const outer =
      around.find(({ path }) => path.startsWith(`${hierarchy.mountPoint}/`))?.path ??
      tree.shared(hierarchy, lineage[0]);
    const chosen = controllers.filter((controller) => servesController(hierarchy, controller));
    if (chosen.length > 0) {
      groups.push({
        ...{ hierarchy: hierarchyName(hierarchy), version: hierarchy.version, path: own, controllers: chosen },
        ...enabling(hierarchy, { chosen, lineage, parents: groupsAbove(tree, hierarchy, lineage) }),
        ...(lineage.length > 1 && hierarchy.version === 1 ? madeBefore(groupsBetween(outer, own)) : {}),
      });
    }
    if (hierarchy === tracking && hierarchy.version === 2) continue;
    joins.push({
      path: chosen.length > 0 || hierarchy === tracking ? own : outer,
      version: hierarchy.version,
    });
  }
  for (const controller of controllers) {
    if (!hierarchies.some((hierarchy) => servesController(hierarchy, controller))) {
      throw launcherErrors.controllerMissing({ controller });
    }
  }
  return { tracking: trackingGroup(tracking, ownGroup(tree, tracking, lineage), lineage), groups, joins };
}

/** Groups below the one and above the other, topmost first. */
function groupsBetween(outer: string, own: string): readonly string[] {
  const names = own.slice(outer.length + 1).split('/');
  return names.slice(0, -1).map((_, index) => `${outer}/${names.slice(0, index + 1).join('/')}`);
}

function madeBefore(above: readonly string[]): { readonly above?: readonly string[] } {
  return above.length === 0 ? {} : { above };
}

/** v2: what was not enabled when the engine started (instance-groups.ts) or the scope was made (container-scopes.ts). */
function enabling(
  { version }: CgroupHierarchy,
  {
    chosen,
    lineage,
    parents,
  }: { readonly chosen: readonly string[]; readonly lineage: Lineage; readonly parents: readonly string[] },
): Pick<CgroupPlacement['groups'][number], 'enabling'> {
  // Those that account are enabled for every container that is not nested.
  const isEnabled = (name: string): boolean => lineage.length === 1 && ACCOUNTING_CONTROLLERS.includes(name);
  const controllers = chosen.filter((name) => name !== IMPLICIT_CONTROLLER && !isEnabled(name));
  return version === 2 && controllers.length > 0 ? { enabling: { controllers, parents } } : {};
}

/** The first container in another one also makes the group that holds those of all of them. */
function trackingGroup({ version }: CgroupHierarchy, own: string, { length }: Lineage): CgroupPlacement['tracking'] {
  const levels = (version === 2 ? 2 : 1) + (length > 1 ? 1 : 0);
  return { path: version === 2 ? `${own}/${V2_PROCESS_GROUP}` : own, version, levels };
}

function hierarchyName(hierarchy: CgroupHierarchy): string {
  return hierarchy.version === 2 ? 'v2' : hierarchy.controllers.join(',');
}
