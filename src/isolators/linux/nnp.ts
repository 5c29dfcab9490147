import type { Isolator } from '../isolator.ts';

/** Isolator `linux/nnp`: no program of the container gains privileges by exec (setuid bits, file capabilities). */
export function noNewPrivileges(): Isolator {
  return {
    name: 'linux/nnp',
    requires: [],
    plan: () => ({ noNewPrivileges: true }),
  };
}
