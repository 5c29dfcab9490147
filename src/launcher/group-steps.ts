import { ERRNO } from '../linux/errno.ts';
import { stepErrno } from '../linux/helper-worker.ts';
import { step } from '../model/wire.ts';
import { launcherErrors } from './errors.ts';
import type { StepRunner } from './step-runner.ts';

const BY = 'launcher/linux';

/** The group that a container is tracked by. */
interface TrackedGroup {
  readonly uid: string;
  readonly path: string;
  readonly version: 1 | 2;
}

/** @throws {EngineError} `launcher.unfreezable` (deadline-exceeded): a freeze was taken back */
export async function setFrozen(
  steps: StepRunner,
  { uid, ...group }: TrackedGroup,
  wanted: { readonly frozen: 0 | 1; readonly deadlineMs: number },
): Promise<void> {
  try {
    await steps.run([step(BY, 'freeze-cgroup', { ...group, ...wanted })]);
  } catch (error) {
    if (stepErrno(error) !== ERRNO.ETIMEDOUT) throw error;
    const { deadlineMs } = wanted;
    throw launcherErrors.unfreezable({ uid, deadlineMs, wanted: wanted.frozen === 1 ? 'frozen' : 'thawed' }, error);
  }
}

/** @param how.isFrozen it stands still already, and is left so */
export async function signalGroup(
  steps: StepRunner,
  { uid: _, ...group }: TrackedGroup,
  how: { readonly signal: number; readonly isFrozen: boolean; readonly deadlineMs: number },
): Promise<void> {
  const { signal, isFrozen, deadlineMs } = how;
  await steps.run([step(BY, 'signal-cgroup', { ...group, signal, freeze: isFrozen ? 0 : 1, deadlineMs })]);
}
