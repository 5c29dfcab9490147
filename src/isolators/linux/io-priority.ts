import { LAUNCHER_KINDS } from '../../model/launcher-kind.ts';
import type { Isolator } from '../isolator.ts';

/** Isolator `linux/io_priority`: the class and level of the input and output of the container (ioprio_set(2)). */
export function ioPriority(): Isolator {
  return {
    name: 'linux/io_priority',
    requires: [],
    launchers: LAUNCHER_KINDS,
    appliesTo: ({ process }) => process.ioPriority !== undefined,
    plan: ({ config }) => (config.process.ioPriority === undefined ? {} : { ioPriority: config.process.ioPriority }),
  };
}
