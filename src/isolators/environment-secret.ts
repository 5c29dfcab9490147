import { LAUNCHER_KINDS } from '../model/launcher-kind.ts';
import type { Isolator } from './isolator.ts';

/**
 * Isolator `environment_secret`: variables whose values are secrets. They are in the frame of the launch alone; an exec
 * session, which a later agent may start, does not get them.
 */
export function environmentSecrets(): Isolator {
  return {
    name: 'environment_secret',
    requires: [],
    launchers: LAUNCHER_KINDS,
    appliesTo: ({ secretVariables }) => secretVariables !== undefined && secretVariables.length > 0,
    plan: ({ config }) => ({ secretVariables: config.secretVariables ?? [] }),
  };
}
