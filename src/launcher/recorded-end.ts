import { exitStatusOf } from '../model/exit-status.ts';
import type { ProcessEnd } from './launcher.ts';

/**
 * Reads what a monitor or the fork server writes at the end of a container: `exited WAITSTATUS AT_MS OUTPUT` or
 * `lost 0 AT_MS 0`; anything else counts as not written.
 */
export function parseRecordedEnd(text: string): ProcessEnd | undefined {
  const match = /^(exited|lost) (\d+) (\d+) ([01])\n$/.exec(text);
  if (match === null) return undefined;
  const [, kind, waitStatus, atMs, output] = match;
  return {
    exitStatus: kind === 'lost' ? { kind: 'lost' } : exitStatusOf(Number(waitStatus)),
    atMs: Number(atMs),
    outputComplete: output === '1',
  };
}
