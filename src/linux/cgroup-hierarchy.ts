/** One cgroup hierarchy that this host mounts. */
export interface CgroupHierarchy {
  readonly version: 1 | 2;
  /** Where it is mounted, for example `/sys/fs/cgroup/memory`; its root, not our group. */
  readonly mountPoint: string;
  /** v1: as mounted, for example `cpu`, `cpuacct` or `name=systemd`; v2: the content of `cgroup.controllers`. */
  readonly controllers: readonly string[];
}

/**
 * v1 controllers that make up a v2 one where that is not the one of its name, the one with the knobs first (kernel
 * documentation, admin-guide/cgroup-v1 and cgroup-v2.rst).
 */
const V1_CONTROLLERS: Readonly<Record<string, readonly string[]>> = {
  cpu: ['cpu', 'cpuacct'],
  io: ['blkio'],
};

/** Controllers (v2 names) whose accounting is wanted for every container; in v2 they are enabled when the engine starts. */
export const ACCOUNTING_CONTROLLERS: readonly string[] = ['cpu', 'memory', 'pids', 'io'];

/** In v2 every group has it by itself, and no file says so. */
export const IMPLICIT_CONTROLLER = 'perf_event';

/** The v1 hierarchy without controllers in which systemd keeps its units apart. */
export const V1_SYSTEMD_HIERARCHY = 'name=systemd';

/** v1 names of a v2 controller; the first has its knobs. */
export function v1Controllers(controller: string): readonly [string, ...string[]] {
  const [first = controller, ...others] = V1_CONTROLLERS[controller] ?? [];
  return [first, ...others];
}

/** The v2 name of what `name` has the knobs of, for example `io` for `blkio`; other names are the same in both. */
export function v2Controller(name: string): string {
  return Object.keys(V1_CONTROLLERS).find((controller) => v1Controllers(controller)[0] === name) ?? name;
}

/** Whether a container's group in this hierarchy serves a controller (v2 name). */
export function servesController(hierarchy: CgroupHierarchy, controller: string): boolean {
  if (hierarchy.version === 2) return hierarchy.controllers.includes(controller);
  return v1Controllers(controller).some((name) => hierarchy.controllers.includes(name));
}

/** The group in a container's own in which those of the containers are that live in it. */
export const NESTED_GROUPS = 'nested';
