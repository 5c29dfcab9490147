import { LAUNCHER_KINDS } from '../../model/launcher-kind.ts';
import type { Isolator } from '../isolator.ts';

/** Isolator `linux/nnp`: no program of the container gains privileges by exec (setuid bits, file capabilities). */
export function noNewPrivileges(): Isolator {
  return {
    name: 'linux/nnp',
    requires: [],
    launchers: LAUNCHER_KINDS,
    plan: () => ({ noNewPrivileges: true }),
  };
}
