import { dirname } from 'node:path';
import { CGROUP2 } from '../linux/cgroup2.ts';
import { namespaceFlags } from '../linux/namespace-flags.ts';
import { encodePerfEvents } from '../linux/perf-events.ts';
import type { CgroupPlan, LaunchPlan, MountAttribute, MountContent } from '../model/launch-plan.ts';
import { type Step, step } from '../model/wire.ts';
import { BY_LAUNCHER } from './compose.ts';
import { CGROUP_VIEW } from './covered.ts';
import { attachStep, bindMount, newMount } from './encode-mounts.ts';
import type { SlotAllocator } from './slots.ts';

/** The monitor's part: the container's own groups and their knobs. Shared groups were made when the engine started. */
export function cgroupHostSteps(plan: LaunchPlan): readonly Step[] {
  return plan.cgroups.flatMap((group) => [
    ...groupSteps(group),
    ...group.knobs.map(({ file, value, by }) =>
      step(by, 'write-kernel-file', { path: `${group.path}/${file}`, value }),
    ),
    ...countingSteps(group),
  ]);
}

/** The group without its knobs; one that is there is fine. */
export function groupSteps(group: CgroupPlan): readonly Step[] {
  return [
    ...enablingSteps(group),
    ...(group.above ?? []).map((path) => step(BY_LAUNCHER, 'make-cgroup', { path })),
    step(group.knobs[0]?.by ?? BY_LAUNCHER, 'make-cgroup', { path: group.path }),
  ];
}

function countingSteps({ counters, path }: CgroupPlan): readonly Step[] {
  if (counters === undefined) return [];
  return [step(counters.by, 'open-counters', { path, events: encodePerfEvents(counters.events) })];
}

function enablingSteps({ enabling, knobs }: CgroupPlan): readonly Step[] {
  const { controllers = [], parents = [] } = enabling ?? {};
  return controllers.flatMap((controller) => {
    const by = knobs.find(({ file }) => file.startsWith(`${controller}.`))?.by ?? BY_LAUNCHER;
    return parents.map((parent) =>
      step(by, 'write-kernel-file', { path: `${parent}/${CGROUP2.subtreeControl}`, value: `+${controller}` }),
    );
  });
}

/**
 * A v1 freezer that tracks is joined before anything else, so that whatever the child does can be killed; in v2 the
 * child is born in its group.
 */
export function trackingJoin(plan: LaunchPlan): readonly Step[] {
  const { path, version } = plan.tracking;
  return version === 1 ? [step(BY_LAUNCHER, 'join-cgroup', { path, version })] : [];
}

/** All other groups, own and shared: the caller's groups are left in every hierarchy. */
export function otherJoins(plan: LaunchPlan): readonly Step[] {
  return plan.cgroupJoins
    .filter(({ path }) => path !== plan.tracking.path)
    .map(({ path, version, by }) => step(by, 'join-cgroup', { path, version }));
}

/** A cgroup namespace takes the groups that its maker is in for its roots, so it comes after the joins. */
export function cgroupNamespace(plan: LaunchPlan): readonly Step[] {
  const namespace = plan.namespaces.find(({ kind }) => kind === 'cgroup');
  return namespace === undefined ? [] : [step(namespace.by, 'unshare', { flags: namespaceFlags(['cgroup']) })];
}

export interface CgroupViewSteps {
  /** For a child that has no rights on the host. */
  readonly host: readonly Step[];
  readonly early: readonly Step[];
  readonly attach: readonly Step[];
}

const ATTRIBUTES = ['nosuid', 'nodev', 'noexec'] as const;

function attributesOf({ cgroupViewWritable }: LaunchPlan): readonly MountAttribute[] {
  return cgroupViewWritable === undefined ? ['ro', ...ATTRIBUTES] : ATTRIBUTES;
}

/**
 * The container's own groups at /sys/fs/cgroup, read-only unless it is privileged: on a host with v2 alone its group of that hierarchy; else a
 * tmpfs with a directory for each v1 group of its own. A v2 hierarchy beside v1 only tracks, and is not shown: programs would
 * take its presence for a host without v1.
 */
export function encodeCgroupView(plan: LaunchPlan, slots: SlotAllocator): CgroupViewSteps {
  if (plan.cgroupView === undefined) return { host: [], early: [], attach: [] };
  const { by } = plan.cgroupView;
  if (plan.cgroupJoins.every(({ version }) => version === 2) && plan.tracking.version === 2) {
    return limitsOfOwnGroup(plan, slots, by);
  }
  const shown = plan.cgroups.filter(({ version }) => version === 1);
  const slot = slots.take();
  const content = shown.flatMap(hierarchyEntries);
  const attributes = attributesOf(plan);
  const root = { type: 'tmpfs', source: 'tmpfs', options: ['mode=755', 'size=64k'], attributes, content };
  const hierarchies = shown.map(({ hierarchy }) => ({
    by,
    target: `${CGROUP_VIEW}/${hierarchy}`,
    type: 'cgroup',
    options: hierarchy.split(','),
  }));
  return {
    host: [],
    early: newMount(by, root, slot),
    attach: [
      attachStep(by, { plan, slot, target: CGROUP_VIEW, create: 0 }),
      ...hierarchies.flatMap((hierarchy) => hierarchyMount(plan, slots, hierarchy)),
    ],
  };
}

/**
 * In v2 the limits are one level above the processes, whose group is the root of the cgroup namespace: a mount made in
 * that namespace would show no memory.max at all. What programs look for is `/sys/fs/cgroup` with the path of
 * /proc/self/cgroup, which is `/`, so it is the group with the limits that stands there.
 */
function limitsOfOwnGroup(plan: LaunchPlan, slots: SlotAllocator, by: string): CgroupViewSteps {
  const slot = slots.take();
  const source = dirname(plan.tracking.path);
  const bind = { source, recursive: false, attributes: attributesOf(plan), keepOwners: true } as const;
  const made = bindMount(plan, { by, mount: bind, slot });
  return {
    ...(plan.userNamespace === undefined ? { host: [], early: made } : { host: made, early: [] }),
    attach: [attachStep(by, { plan, slot, target: CGROUP_VIEW, create: 0 })],
  };
}

interface HierarchyMount {
  readonly by: string;
  readonly target: string;
  readonly type: string;
  readonly options: readonly string[];
}

function hierarchyMount(plan: LaunchPlan, slots: SlotAllocator, mount: HierarchyMount): readonly Step[] {
  const { by, target, type, options } = mount;
  const slot = slots.take();
  return [
    ...newMount(by, { type, source: 'cgroup', options, attributes: attributesOf(plan) }, slot),
    attachStep(by, { plan, slot, target, create: 0 }),
  ];
}

/** `cpu,cpuacct` is a directory, and `cpu` and `cpuacct` are links to it. */
function hierarchyEntries({ hierarchy }: CgroupPlan): readonly MountContent[] {
  const names = hierarchy.split(',');
  const links = names.length === 1 ? [] : names.map((path) => ({ kind: 'symlink', path, target: hierarchy }) as const);
  return [directory(hierarchy), ...links];
}

function directory(path: string): MountContent {
  return { kind: 'directory', path, mode: 0o755 };
}
