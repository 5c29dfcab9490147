import { join } from 'node:path';
import type { Effects } from '../base/effects.ts';
import { ACCOUNTING_CONTROLLERS, type CgroupHierarchy } from '../linux/cgroup-hierarchy.ts';
import { readCgroupHierarchies } from '../linux/cgroup-mounts.ts';
import { CGROUP1 } from '../linux/cgroup1.ts';
import { CGROUP2 } from '../linux/cgroup2.ts';
import { countCpus, ONLINE_CPUS } from '../linux/proc.ts';
import { systemErrorCode } from '../model/error.ts';
import type { LauncherKind } from '../model/launcher-kind.ts';
import { instanceGroups } from './group-tree.ts';
import { instanceName } from './placement.ts';

/**
 * Makes `isopod-<instance>/{engine,containers}` in every hierarchy, once, when the engine starts. Existing ones are
 * left as they are.
 *
 * v1 cpuset groups are born without CPUs and memory nodes, and nobody can join such a group, so they get their
 * parent's (admin-guide/cgroup-v1/cpusets.rst §1.3). In v2 only the controllers that account are enabled now: every
 * further one would be taken from whoever wants it in v1, and make each group dearer. The first container that is
 * limited by one enables it.
 */
export async function makeInstanceGroups(
  effects: Effects,
  hierarchies: readonly CgroupHierarchy[],
  instance: string,
): Promise<void> {
  for (const hierarchy of hierarchies) await makeDespiteRemoval(effects, hierarchy, instance);
}

/** The fork server of an agent that has just ended removes the groups of their instance that are empty, once each. */
const MOST_TRIES = 5;

async function makeDespiteRemoval(effects: Effects, hierarchy: CgroupHierarchy, instance: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await makeIn(effects, hierarchy, instance);
      return;
    } catch (error) {
      // ENODEV: it went between open and read.
      if (!['ENOENT', 'ENODEV'].includes(systemErrorCode(error) ?? '') || tries === MOST_TRIES) throw error;
    }
  }
}

async function makeIn(effects: Effects, hierarchy: CgroupHierarchy, instance: string): Promise<void> {
  const { base, engine, containers } = instanceGroups(hierarchy, instance);
  await prepareParent(effects, hierarchy, hierarchy.mountPoint);
  for (const group of [base, engine, containers]) {
    await effects.files.makeDirectory(group, { mode: 0o755, parents: true });
    if (hierarchy.version === 1 && hierarchy.controllers.includes('cpuset')) await inheritCpuset(effects, group);
  }
  await prepareParent(effects, hierarchy, base);
  await prepareParent(effects, hierarchy, containers);
  if (hierarchy.controllers.includes('cpu')) await giveWeight(effects, hierarchy, base);
}

/** The hierarchies that a launcher makes groups in. @throws {EngineError} as `readCgroupHierarchies` */
export async function hierarchiesOf(effects: Effects, launcher: LauncherKind): Promise<readonly CgroupHierarchy[]> {
  return launcher === 'posix' ? [] : readCgroupHierarchies(effects.files);
}

/** Groups that the engine's own processes (agent, fork server, monitors) live in. */
export function engineGroups(hierarchies: readonly CgroupHierarchy[], instance: string): readonly string[] {
  return hierarchies.map((hierarchy) => instanceGroups(hierarchy, instance).engine);
}

/** File, the kernel's value for a new group, and the most that it takes. */
const WEIGHT = {
  1: { file: CGROUP1.cpuShares, standard: 1024, most: 262_144 },
  2: { file: CGROUP2.cpuWeight, standard: 100, most: 10_000 },
} as const;

/**
 * A new group weighs as much as one process, and ours stands for the engine and all containers: on a busy host a
 * launch would take many times as long. It gets the weight of a process per processor, as kubelet gives to all pods
 * (docs/adr/0032). A weight that somebody else has set is left.
 */
async function giveWeight(effects: Effects, { version }: CgroupHierarchy, base: string): Promise<void> {
  const { file, standard, most } = WEIGHT[version];
  try {
    if (Number(await effects.files.readText(join(base, file))) !== standard) return;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return; // v2: the controller cannot be had here
    throw error;
  }
  const cpuCount = countCpus(await effects.files.readText(ONLINE_CPUS));
  await effects.files.writeKernelFile(join(base, file), String(Math.min(standard * cpuCount, most)));
}

async function inheritCpuset(effects: Effects, group: string): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if ((await effects.files.readText(join(group, file))).trim() !== '') continue;
    const inherited = (await effects.files.readText(join(group, '..', file))).trim();
    await effects.files.writeKernelFile(join(group, file), inherited);
  }
  await effects.files.writeKernelFile(join(group, 'cgroup.clone_children'), '1');
}

/** Enables for a v2 group's children the controllers of ours that it has itself and that can be enabled. */
async function prepareParent(effects: Effects, hierarchy: CgroupHierarchy, group: string): Promise<void> {
  if (hierarchy.version !== 2) return;
  const available = (await effects.files.readText(join(group, 'cgroup.controllers'))).split(/\s+/);
  for (const controller of ACCOUNTING_CONTROLLERS.filter((name) => available.includes(name))) {
    try {
      await effects.files.writeKernelFile(join(group, 'cgroup.subtree_control'), `+${controller}`);
    } catch (error) {
      // EBUSY, EOPNOTSUPP: this controller cannot be delegated here; the isolator that needs it will say so by name.
      if (!['EBUSY', 'EOPNOTSUPP', 'EINVAL'].includes(systemErrorCode(error) ?? '')) throw error;
    }
  }
}

/** The instance of a root directory, which must exist; the path may be any that leads to it. */
export async function findInstance(effects: Effects, rootDir: string): Promise<string> {
  const path = await effects.files.realPath(rootDir);
  return instanceName({ ...(await effects.files.status(path)), path });
}
