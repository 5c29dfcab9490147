import type { ContainerStatus, Engine } from '../../../engine/facade.ts';
import { ownLabels } from '../../../engine/image-labels.ts';
import type { ContainerUid } from '../../../model/container-id.ts';
import { MAX_DEPTH } from '../../../model/nesting.ts';
import type { Scoped } from './decide.ts';

/** What a scope is held against. */
export async function scopedOf(
  engine: Engine,
  { uid, config, inheritedLabels, parent }: ContainerStatus,
): Promise<Scoped> {
  return { uid, labels: ownLabels(config.labels, inheritedLabels), ancestors: await ancestorsOf(engine, parent) };
}

/** Uids of the containers that one is in which lives in `parent`, nearest first. */
export async function ancestorsOf(engine: Engine, parent: ContainerUid | undefined): Promise<readonly string[]> {
  const ancestors: string[] = [];
  let next = parent;
  while (next !== undefined && ancestors.length < MAX_DEPTH) {
    ancestors.push(next);
    next = (await engine.check(next))?.parent;
  }
  return ancestors;
}
