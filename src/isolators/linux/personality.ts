import { LAUNCHER_KINDS } from '../../model/launcher-kind.ts';
import type { Isolator } from '../isolator.ts';

/** Isolator `linux/personality`: what the container takes the machine for, as personality(2): `linux32` shows i686 to uname. */
export function personality(): Isolator {
  return {
    name: 'linux/personality',
    requires: [],
    launchers: LAUNCHER_KINDS,
    appliesTo: ({ process }) => process.personality !== undefined,
    plan: ({ config }) => (config.process.personality === undefined ? {} : { personality: config.process.personality }),
  };
}
