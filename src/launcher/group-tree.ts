import { type CgroupHierarchy, NESTED_GROUPS } from '../linux/cgroup-hierarchy.ts';
import { isManagedBySystemd, slicePath } from '../linux/systemd.ts';
import { type ContainerUid, isContainerUid } from '../model/container-id.ts';

/** Where the groups of containers are that live in none; those of nested ones are below them. */
export interface GroupTree {
  /** The group of one container that carries its limits. */
  own(hierarchy: CgroupHierarchy, uid: string): string;
  /** What its processes join where it has no group of its own. */
  shared(hierarchy: CgroupHierarchy, uid: string): string;
  /** The groups above its own, topmost first. */
  above(hierarchy: CgroupHierarchy, uid: string): readonly string[];
  /** A group below which are those of containers, and whose an entry of it is. */
  listing(hierarchy: CgroupHierarchy): {
    readonly directory: string;
    readonly uidOf: (entry: string) => ContainerUid | undefined;
  };
}

/** Uids from the outermost container to the one that is meant. */
export type Lineage = readonly [string, ...string[]];

/** Host path of the group that carries a container's limits: that of its parent, `nested`, and its uid. */
export function ownGroup(tree: GroupTree, hierarchy: CgroupHierarchy, [outermost, ...inner]: Lineage): string {
  return [tree.own(hierarchy, outermost), ...inner].join(`/${NESTED_GROUPS}/`);
}

/** Where the groups of the containers in the container of this group are. */
export function nestedGroups(own: string): string {
  return `${own}/${NESTED_GROUPS}`;
}

/** The groups above the own one of a container, topmost first. */
export function groupsAbove(
  tree: GroupTree,
  hierarchy: CgroupHierarchy,
  [outermost, ...inner]: Lineage,
): readonly string[] {
  const above = [...tree.above(hierarchy, outermost)];
  let own = tree.own(hierarchy, outermost);
  for (const uid of inner) {
    above.push(own, nestedGroups(own));
    own = `${nestedGroups(own)}/${uid}`;
  }
  return above;
}

/** Groups of one instance, the same in every hierarchy: `isopod-<instance>/{engine,containers/<uid>}`. */
export function instanceGroups(hierarchy: CgroupHierarchy, instance: string) {
  const base = `${hierarchy.mountPoint}/${instance}`;
  return { base, engine: `${base}/engine`, containers: `${base}/containers` } as const;
}

/** Driver `cgroupfs`: `isopod-<instance>/containers/<uid>` in every hierarchy. */
export function instanceTree(instance: string): GroupTree {
  const containers = (hierarchy: CgroupHierarchy) => instanceGroups(hierarchy, instance).containers;
  return {
    own: (hierarchy, uid) => `${containers(hierarchy)}/${uid}`,
    shared: containers,
    above: (hierarchy) => [hierarchy.mountPoint, instanceGroups(hierarchy, instance).base, containers(hierarchy)],
    listing: (hierarchy) => ({
      directory: containers(hierarchy),
      uidOf: (entry) => (isContainerUid(entry) ? entry : undefined),
    }),
  };
}

/** Below a scope: the container's groups, whose limits only we write. */
const CONTAINER_GROUP = 'container';
/** v2: a group with groups below it that have controllers holds no processes, so what holds the scope is beside them. */
export const HOLDER_GROUP = 'holder';

/** The unit of one container; the instance in it is the owner mark. */
export function scopeUnit(instance: string, uid: string): string {
  return `${instance}-${uid}.scope`;
}

/** The group of a container's scope. */
export function scopeGroup(
  hierarchy: CgroupHierarchy,
  { instance, slice }: { readonly instance: string; readonly slice: string },
  uid: string,
): string {
  return [hierarchy.mountPoint, ...slicePath(slice), scopeUnit(instance, uid)].join('/');
}

/**
 * Driver `systemd`: below `<slice>/isopod-<instance>-<uid>.scope` in every hierarchy that systemd manages. In the others
 * (v1 freezer, cpuset and so on) nothing changes: systemd neither makes groups nor moves processes there.
 */
export function scopeTree(instance: string, slice: string): GroupTree {
  const others = instanceTree(instance);
  const prefix = `${instance}-`;
  const suffix = '.scope';
  const scope = (hierarchy: CgroupHierarchy, uid: string) => scopeGroup(hierarchy, { instance, slice }, uid);
  const parents = ({ mountPoint }: CgroupHierarchy): readonly string[] => {
    const slices = slicePath(slice);
    return [mountPoint, ...slices.map((_, index) => [mountPoint, ...slices.slice(0, index + 1)].join('/'))];
  };
  const uidOf = (entry: string): ContainerUid | undefined => {
    if (!entry.startsWith(prefix) || !entry.endsWith(suffix)) return undefined;
    const uid = entry.slice(prefix.length, -suffix.length);
    return isContainerUid(uid) ? uid : undefined;
  };
  const inScope: GroupTree = {
    own: (hierarchy, uid) => `${scope(hierarchy, uid)}/${CONTAINER_GROUP}`,
    shared: scope,
    above: (hierarchy, uid) => [...parents(hierarchy), scope(hierarchy, uid)],
    listing: (hierarchy) => ({ directory: parents(hierarchy).at(-1) ?? hierarchy.mountPoint, uidOf }),
  };
  const of = (hierarchy: CgroupHierarchy): GroupTree => (isManagedBySystemd(hierarchy) ? inScope : others);
  return {
    own: (hierarchy, uid) => of(hierarchy).own(hierarchy, uid),
    shared: (hierarchy, uid) => of(hierarchy).shared(hierarchy, uid),
    above: (hierarchy, uid) => of(hierarchy).above(hierarchy, uid),
    listing: (hierarchy) => of(hierarchy).listing(hierarchy),
  };
}
