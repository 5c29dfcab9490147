import type { DiskQuota } from '../model/disk-quota.ts';
import type { Owned } from '../model/launch-plan.ts';
import { type Step, step } from '../model/wire.ts';

/** The bound of what a live container keeps on disk is to be another. */
export interface DiskChange {
  readonly kind: 'disk';
  readonly by: string;
  readonly to: DiskQuota;
}

export function diskChanges(
  before: Owned<DiskQuota> | undefined,
  after: Owned<DiskQuota> | undefined,
): readonly DiskChange[] {
  if (after === undefined || before?.limitBytes === after.limitBytes) return [];
  const { by, ...to } = after;
  return [{ kind: 'disk', by, to }];
}

/**
 * The host steps that make it so; they may be run again. Who counts is told by the engine.
 *
 * @param directory the container's own, of which the project is
 */
export function diskChangeSteps({ by, to }: DiskChange, directory: string): readonly Step[] {
  if (to.way !== 'project') return [];
  const { project, limitBytes } = to;
  return [step(by, 'set-project-quota', { path: directory, project, limitBytes })];
}
