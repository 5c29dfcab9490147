import { LAUNCHER_KINDS } from '../../model/launcher-kind.ts';
import type { Isolator } from '../isolator.ts';

/**
 * Isolator `posix/rlimits`: the resource limits of setrlimit(2), for the first process and every exec session. What is
 * not said stays as the agent has it. Raising a hard limit above the agent's own needs CAP_SYS_RESOURCE.
 */
export function posixRlimits(): Isolator {
  return {
    name: 'posix/rlimits',
    requires: [],
    launchers: LAUNCHER_KINDS,
    appliesTo: ({ process }) => process.rlimits !== undefined,
    plan: ({ config }) => (config.process.rlimits === undefined ? {} : { rlimits: config.process.rlimits }),
  };
}
