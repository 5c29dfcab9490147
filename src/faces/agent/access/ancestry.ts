import type { ContainerStatus, Engine } from '../../../engine/facade.ts';
import type { ContainerConfig } from '../../../model/container-config.ts';
import type { Scoped } from './decide.ts';

/** As many pid namespaces as the kernel nests (pid_namespaces(7)). */
const MOST_LEVELS = 32;

/** A config may name the container that it is nested in; one that does not stands at the top. */
type Nested = ContainerConfig & { readonly parent?: string };

/** What a scope is held against. */
export async function scopedOf(engine: Engine, { uid, config }: ContainerStatus): Promise<Scoped> {
  return { uid, labels: config.labels, ancestors: await ancestorsOf(engine, config) };
}

/** Uids of the containers that one of this config is below, nearest first. */
export async function ancestorsOf(engine: Engine, config: ContainerConfig): Promise<readonly string[]> {
  const ancestors: string[] = [];
  let { parent }: Nested = config;
  while (parent !== undefined && ancestors.length < MOST_LEVELS) {
    const found = await engine.check(parent);
    if (found === undefined) break;
    ancestors.push(found.uid);
    parent = (found.config as Nested).parent;
  }
  return ancestors;
}
