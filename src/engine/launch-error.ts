import { launchFailureOf } from '../launcher/errors.ts';
import type { EncodedLaunch } from '../launcher/launcher.ts';
import { describeFailure } from '../plan/describe-failure.ts';

/**
 * Puts a launch that the kernel refused into words: which isolator wanted what, and why it was refused. Every other
 * error is passed on as it is.
 */
export function describeLaunchError(
  error: unknown,
  launch: { readonly uid: string; readonly encoded?: EncodedLaunch | undefined },
): unknown {
  const failure = launchFailureOf(error);
  if (failure === undefined || launch.encoded === undefined) return error;
  return describeFailure(launch.encoded, failure);
}
