import { launchFailureOf } from '../launcher/errors.ts';
import type { EncodedLaunch } from '../launcher/launcher.ts';
import { ERRNO, systemReason } from '../linux/errno.ts';
import { isErrorOfKind, systemErrorCode } from '../model/error.ts';
import { MAX_DEPTH } from '../model/nesting.ts';
import { describeFailure } from '../plan/describe-failure.ts';
import { engineErrors } from './errors.ts';
import type { ForeignPlatform } from './foreign-platform.ts';

/** What of a launch its failure is told by. */
export interface FailedLaunch {
  readonly uid: string;
  readonly encoded?: (() => EncodedLaunch) | undefined;
  readonly path?: string;
  readonly depth?: number;
  /** What its image is for, where that is not what this host runs. */
  readonly foreignPlatform?: ForeignPlatform | undefined;
  /** The container that a session enters. */
  readonly enters?: string;
  /** Aborted with the reason when somebody has given it up. */
  readonly cancelled?: AbortSignal;
}

/**
 * Puts a launch that the kernel refused into words: which isolator wanted what, and why it was refused. A part that was broken off
 * with the launch is told by who wanted that; every other error is passed on as it is.
 */
export function describeLaunchError(error: unknown, launch: FailedLaunch): unknown {
  const told = describeRefusal(error, launch);
  return launch.cancelled?.aborted === true && isErrorOfKind(told, 'cancelled') ? launch.cancelled.reason : told;
}

function describeRefusal(error: unknown, launch: FailedLaunch): unknown {
  const reason = systemReason(error);
  if (reason !== undefined) return ownFilesError(reason, error);
  const failure = launchFailureOf(error);
  if (failure === undefined || launch.encoded === undefined) return error;
  // The monitor's word for a child that ended before exec without a failure of its own, of a session also on its way in (docs/protocol.md).
  if ((failure.phase === 'child' || failure.phase === 'clone') && failure.errno === ERRNO.ECHILD) {
    return engineErrors.killedBeforeExec({ uid: launch.uid }, error);
  }
  const { path = launch.uid, depth = 1, enters } = launch;
  // What it was to join went with its container, whose end is told here a moment later.
  if (failure.phase === 'clone' && failure.errno === ERRNO.ENOENT && enters !== undefined) {
    return engineErrors.notRunning({ uid: enters, state: 'terminated', wanted: 'exec' }, error);
  }
  if (failure.phase === 'clone' && failure.errno === ERRNO.ENOSPC && depth > 1) {
    return engineErrors.pidNamespacesExhausted({ path, depth, most: MAX_DEPTH }, error);
  }
  // Its groups are made below those of its parent, and systemd removes a scope as soon as nothing is in it.
  if (failure.phase === 'clone' && failure.errno === ERRNO.ENOENT && depth > 1) {
    return engineErrors.parentNotRunning({ parent: path.slice(0, path.lastIndexOf('/')), state: 'terminated' }, error);
  }
  return foreignError(describeFailure(launch.encoded(), failure), failure.errno, launch);
}

/** What no processor here understands is no fault of the command when its image is for another one. */
function foreignError(
  told: Error,
  errno: number,
  { foreignPlatform: platform }: { readonly foreignPlatform?: ForeignPlatform | undefined },
): Error {
  if (errno !== ERRNO.ENOEXEC || platform === undefined || !('code' in told)) return told;
  return told.code === 'plan.commandNotExecutable' ? engineErrors.foreignImage(platform, told) : told;
}

/** What Node's own calls refused: the directories and records of the container. */
function ownFilesError(reason: string, error: unknown): unknown {
  const path = error instanceof Error && 'path' in error ? String(error.path) : 'the records of the container';
  const isFull = ['ENOSPC', 'EDQUOT'].includes(systemErrorCode(error) ?? '');
  return isFull ? engineErrors.diskFull({ path, reason }, error) : engineErrors.storage({ path, reason }, error);
}
