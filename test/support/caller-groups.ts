import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CgroupHierarchy } from '../../src/linux/cgroup-hierarchy.ts';

/** A group in every hierarchy, for a caller who is not in the root groups: what it starts must leave all of them. */
export class CallerGroups {
  readonly paths: readonly string[];

  constructor(hierarchies: readonly CgroupHierarchy[], name: string) {
    this.paths = hierarchies.map(({ mountPoint, version, controllers }) => {
      const path = join(mountPoint, name);
      mkdirSync(path);
      if (version === 1 && controllers.includes('cpuset')) inheritCpuset(path);
      return path;
    });
  }

  /** Pids of whoever is still in one of them. */
  members(): readonly number[] {
    return this.paths.flatMap((path) =>
      readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number),
    );
  }

  remove(): void {
    for (const path of this.paths) rmdirSync(path);
  }
}

/** A v1 cpuset group is born empty, and nobody can join such a group (admin-guide/cgroup-v1/cpusets.rst §1.3). */
function inheritCpuset(path: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    writeFileSync(join(path, file), readFileSync(join(path, '..', file), 'utf8'));
  }
}
