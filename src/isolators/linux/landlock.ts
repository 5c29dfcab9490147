import { LAUNCHER_KINDS } from '../../model/launcher-kind.ts';
import type { Isolator } from '../isolator.ts';

/**
 * Isolator `linux/landlock`: what the container may do with files, and which TCP ports it may use, by rules that no
 * process of it can lift, root or not (landlock(7)). Paths are the container's own and must exist when it starts.
 */
export function landlock(): Isolator {
  return {
    name: 'linux/landlock',
    requires: [],
    launchers: LAUNCHER_KINDS,
    appliesTo: (config) => config.landlock !== undefined,
    plan: ({ config }) => (config.landlock === undefined ? {} : { landlock: config.landlock }),
  };
}
