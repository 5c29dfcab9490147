import { join } from 'node:path';
import type { Files } from '../base/effects.ts';
import { systemErrorCode } from '../model/error.ts';
import { type CgroupHierarchy, IMPLICIT_CONTROLLER } from './cgroup-hierarchy.ts';
import { parseMountInfo } from './mountinfo.ts';

/** Super options of a v1 mount that are no controllers (kernel/cgroup/cgroup-v1.c, cgroup1_show_options). */
const NO_CONTROLLER = /^(rw|ro|noprefix|xattr|clone_children|cpuset_v2_mode|favordynmods|release_agent=.*)$/;

/**
 * The hierarchies that are mounted, each once, v1 in the order of the mount table. A mount that shows only a part of
 * its hierarchy (a container's bind of a single group) is left out.
 *
 * @param v2Controllers content of `cgroup.controllers` of the v2 mount, empty when there is none
 */
export function cgroupHierarchies(mountinfo: string, v2Controllers: string): readonly CgroupHierarchy[] {
  const hierarchies = new Map<string, CgroupHierarchy>();
  for (const { type, root, mountPoint, superOptions } of parseMountInfo(mountinfo)) {
    if (root !== '/' || (type !== 'cgroup' && type !== 'cgroup2')) continue;
    const version = type === 'cgroup2' ? 2 : 1;
    const controllers =
      version === 2
        ? v2Controllers.split(/\s+/).filter(Boolean)
        : superOptions.filter((option) => !NO_CONTROLLER.test(option));
    const key = version === 2 ? 'v2' : controllers.join(',');
    if (!hierarchies.has(key)) hierarchies.set(key, { version, mountPoint, controllers });
  }
  return [...hierarchies.values()];
}

/** Where v2 is mounted, if at all. */
function v2MountPoint(mountinfo: string): string | undefined {
  return parseMountInfo(mountinfo).find(({ type, root }) => type === 'cgroup2' && root === '/')?.mountPoint;
}

/** Reads what this host mounts now. */
export async function readCgroupHierarchies(files: Files): Promise<readonly CgroupHierarchy[]> {
  const mountinfo = await files.readText('/proc/self/mountinfo');
  const unified = v2MountPoint(mountinfo);
  if (unified === undefined) return cgroupHierarchies(mountinfo, '');
  const controllers = await files.readText(join(unified, 'cgroup.controllers'));
  const implicit = (await isImplicit(files)) ? ` ${IMPLICIT_CONTROLLER}` : '';
  return cgroupHierarchies(mountinfo, `${controllers.trim()}${implicit}`);
}

/** What no v1 hierarchy has is in v2 (kernel/cgroup/cgroup-v1.c, proc_cgroupstats_show: name, hierarchy, count, enabled). */
async function isImplicit(files: Files): Promise<boolean> {
  try {
    return new RegExp(`^${IMPLICIT_CONTROLLER}\\t0\\t\\d+\\t1$`, 'm').test(await files.readText('/proc/cgroups'));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
