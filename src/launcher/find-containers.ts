import type { Files } from '../base/effects.ts';
import type { CgroupHierarchy } from '../linux/cgroup-hierarchy.ts';
import { listOrNothing } from '../linux/missing-files.ts';
import { type ContainerUid, isContainerUid } from '../model/container-id.ts';
import { type GroupTree, nestedGroups } from './group-tree.ts';

/** Told of each container, and of the one it lives in; a container that has groups in several hierarchies is told again. */
type Found = (uid: ContainerUid, parent?: ContainerUid) => void;

/**
 * Finds the containers that have a group on this host, whether there is a record of them or not. A group says by where it lies
 * what its container is nested in.
 */
export async function findContainers(
  files: Pick<Files, 'list' | 'exists'>,
  { hierarchies, tree }: { readonly hierarchies: readonly CgroupHierarchy[]; readonly tree: GroupTree },
  found: Found,
): Promise<void> {
  for (const hierarchy of hierarchies) {
    const { directory, uidOf } = tree.listing(hierarchy);
    for (const name of await listOrNothing(files, directory)) {
      const uid = uidOf(name);
      if (uid === undefined) continue;
      found(uid);
      await findNested(files, { uid, own: tree.own(hierarchy, uid) }, found);
    }
  }
}

async function findNested(
  files: Pick<Files, 'list' | 'exists'>,
  { uid, own }: { readonly uid: ContainerUid; readonly own: string },
  found: Found,
): Promise<void> {
  const directory = nestedGroups(own);
  if (!(await files.exists(directory))) return; // nearly always, and a failed listing costs three times as much
  for (const name of await listOrNothing(files, directory)) {
    if (!isContainerUid(name)) continue;
    found(name, uid);
    await findNested(files, { uid: name, own: `${directory}/${name}` }, found);
  }
}
